import { type Static, Type } from 'typebox';
import { Value } from 'typebox/value';

const Circuit = Type.Object({
  kind: Type.String({ maxLength: 100 }),
  host: Type.String({ maxLength: 1_000 }),
  state: Type.Union([Type.Literal('open'), Type.Literal('half-open')]),
  openSinceMs: Type.Integer({ description: 'By the clock of the machine that the app runs on.' }),
});
const Answer = Type.Object({ app: Type.String({ maxLength: 100 }), circuits: Type.Array(Circuit, { maxItems: 100 }) });

export const Circuits = Type.Object({
  asked: Type.Integer({ minimum: 0, description: 'How many ops servers the API knows of (OPS_URLS); of 0 nothing is known.' }),
  unanswered: Type.Array(Type.String(), { description: 'Those that gave no answer: theirs are not known.' }),
  open: Type.Array(Type.Object({ app: Type.String(), ...Circuit.properties }), { description: 'Hosts that jobs are kept from.' }),
});
export type Circuits = Static<typeof Circuits>;

const answerBytesMax = 262_144;

/**
 * Asks running apps which hosts they keep jobs from. Only they know: it is no part of the log, since a process that starts anew has
 * reason to try again. One that gives no answer within `timeoutMs` is named instead.
 * @param opsUrls of every instance that has jobs
 */
export async function readCircuits(opsUrls: readonly string[], timeoutMs = 1_000): Promise<Circuits> {
  const answers = await Promise.allSettled(opsUrls.map((url) => ask(new URL('/circuits', url), timeoutMs)));
  return {
    asked: opsUrls.length,
    unanswered: opsUrls.filter((_, index) => answers[index]!.status === 'rejected'),
    open: answers
      .flatMap((answer) =>
        answer.status === 'rejected' ? [] : answer.value.circuits.map((circuit) => ({ app: answer.value.app, ...circuit })),
      )
      .toSorted((a, b) => a.openSinceMs - b.openSinceMs),
  };
}

async function ask(url: URL, timeoutMs: number): Promise<Static<typeof Answer>> {
  const response = await fetch(url, { signal: AbortSignal.timeout(timeoutMs), redirect: 'error' });
  if (!response.ok || response.body === null) throw new Error(`${url.origin} answers ${response.status}`);
  const chunks: Uint8Array[] = [];
  let bytes = 0;
  for await (const chunk of response.body as AsyncIterable<Uint8Array>) {
    bytes += chunk.length;
    if (bytes > answerBytesMax) throw new Error(`${url.origin} answers with more than ${answerBytesMax} bytes`);
    chunks.push(chunk);
  }
  return Value.Parse(Answer, JSON.parse(Buffer.concat(chunks).toString('utf8')));
}
