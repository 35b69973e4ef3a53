import {
  findCanonicalPush,
  ignoredReasons,
  malformedReasons,
  parseDelivery,
  sourceKinds,
  sources,
  type Handshake,
  type Parsed,
  type Source,
  type SourceKind,
  type SourceSettings,
} from '@waybill/webhook-sources';
import type { Console, OutputFormat } from '../console.ts';
import { CliError, type ExitCode, exitCodes } from '../exit.ts';
import { printable } from '../output/text.ts';
import type { Recording } from '../recording.ts';

/** @throws CliError 2 that lists the kinds that there are */
export function parseKind(name: string): SourceKind {
  const kind = sourceKinds.find((each) => each === name);
  if (kind === undefined)
    throw new CliError(exitCodes.usage, `there is no source ${JSON.stringify(name)}`, `There are ${sourceKinds.join(', ')}.`);
  return kind;
}

export type ParseOptions = { readonly output: OutputFormat; readonly kind: SourceKind; readonly settings: SourceSettings };

/** What a request says: a delivery, or the question whether one may be sent. */
type Answer = Parsed | { readonly outcome: 'refused'; readonly rest: readonly [] };

/**
 * Says what a recorded request becomes, with nothing running: each push as one line of JSON in the words that all registries share;
 * everything else, and why, beside it. That there is no push in it is an answer too.
 */
export function parseSource({ output, kind, settings }: ParseOptions, recording: Recording, console: Console): ExitCode {
  const answer = answerOf(kind, recording, settings);
  const events = answer.outcome === 'events' ? answer.events : [];
  const pushes = events.flatMap((event) => findCanonicalPush(event) ?? []);
  if (output === 'json') {
    console.out(JSON.stringify({ kind, ...answer, outcome: answer.outcome, outcomeText: outcomeText(answer), pushes }, null, 2));
    return exitCodes.done;
  }
  for (const push of pushes) console.out(JSON.stringify(push));
  for (const { type, data } of events)
    if (type !== 'ImagePushed') console.err(printable(`event: ${type} of ${data.registry}/${data.repository}, which is no push`));
  for (const { kind: why, index, reason } of answer.rest) console.err(`${why}: ${reasonText(reason)} (${reason}, part ${index})`);
  console.err(printable(`outcome: ${outcomeText(answer)}`));
  return exitCodes.done;
}

function answerOf(kind: SourceKind, { method, headers, body }: Recording, settings: SourceSettings): Answer {
  if (method !== 'OPTIONS') return parseDelivery(kind, { headers, body, receivedAtMs: Date.now() }, settings);
  const source: Source = sources[kind];
  const handshake = source.options?.(headers, settings) ?? null;
  return handshake === null ? { outcome: 'refused', rest: [] } : { outcome: 'handshake', handshake, rest: [] };
}

const reasonText = (reason: keyof typeof ignoredReasons | keyof typeof malformedReasons): string =>
  ({ ...ignoredReasons, ...malformedReasons })[reason];

function outcomeText(answer: Answer): string {
  switch (answer.outcome) {
    case 'events':
      return `${answer.events.length} ${answer.events.length === 1 ? 'event' : 'events'}`;
    case 'ignored':
      return `ignored: ${reasonText(answer.reason)}`;
    case 'malformed':
      return `malformed: ${reasonText(answer.reason)}`;
    case 'handshake':
      return `handshake: ${handshakeText(answer.handshake)}`;
    case 'refused':
      return 'refused: this source is asked nothing by OPTIONS, or does not let this one send';
  }
}

const handshakeText = (handshake: Handshake): string =>
  handshake.kind === 'confirm'
    ? `GET ${handshake.url}, once the sender has proved who it is`
    : `${handshake.status} ${JSON.stringify(handshake.headers)} ${JSON.stringify(handshake.body)}`;
