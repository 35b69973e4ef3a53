import { settingsOf, type Headers, type SourceSettings } from '@waybill/webhook-sources';
import { Type } from 'typebox';
import { Compile } from 'typebox/compile';
import { CliError, exitCodes } from './exit.ts';
import { readInput } from './input.ts';

/** A request as it can be written down: one that was recorded, or a body with headers by hand. */
export type Recording = {
  readonly method: string;
  /** Lower-case names. */
  readonly headers: Headers;
  readonly body: Buffer;
  /** What the recording says of the endpoint that it came to. */
  readonly settings: Partial<SourceSettings>;
};

/** The keys of `test/fixtures/webhooks/README.md` that are the request; the others say where it is from and what is in it. */
const File = Type.Object({
  method: Type.Optional(Type.String()),
  headers: Type.Record(Type.String(), Type.String()),
  body: Type.Optional(Type.Unknown()),
  rawBody: Type.Optional(Type.String()),
  config: Type.Optional(
    Type.Object({
      registryHost: Type.Optional(Type.Union([Type.String(), Type.Null()])),
      untagged: Type.Optional(Type.Enum(['emit', 'ignore'])),
      attached: Type.Optional(Type.Enum(['emit', 'ignore'])),
      ownActors: Type.Optional(Type.Array(Type.String())),
      allowedHosts: Type.Optional(Type.Union([Type.Array(Type.String()), Type.Null()])),
    }),
  ),
});
const file = Compile(File);

/**
 * A recording of the format of `test/fixtures/webhooks`.
 * @param path `-` is standard input
 * @throws CliError 2 for a file that is missing or not of that format
 */
export async function readRecording(path: string): Promise<Recording> {
  const text = (await readInput(path)).toString('utf8');
  const next = 'It needs the keys headers and body (or rawBody): test/fixtures/webhooks/README.md. For a body alone, add --raw.';
  const value = parseJson(text);
  if (!file.Check(value)) {
    const [fault] = file.Errors(value);
    const what = value === undefined ? 'it is not JSON' : `${fault?.instancePath || 'it'} ${fault?.message ?? 'is wrong'}`;
    throw new CliError(exitCodes.usage, `${path} is no recording: ${what}`, next);
  }
  const { method = 'POST', headers, body, rawBody, config } = value;
  if (body === undefined && rawBody === undefined && method === 'POST')
    throw new CliError(exitCodes.usage, `${path} is no recording: it has neither body nor rawBody`, next);
  const bytes = rawBody ?? (method === 'POST' ? JSON.stringify(body) : '');
  return { method, headers: lowerCase(Object.entries(headers)), body: Buffer.from(bytes), settings: definedOf(config ?? {}) };
}

/** A body alone. @param lines `Name: value` @throws CliError 2 for a file that is missing, or a line that is no header */
export async function readRaw(path: string, lines: readonly string[]): Promise<Recording> {
  const headers = lines.map((line): readonly [string, string] => {
    const [, name, value] = /^([!#$%&'*+.^_`|~0-9A-Za-z-]+):[ \t]*(.*)$/.exec(line) ?? [];
    if (name === undefined || value === undefined)
      throw new CliError(exitCodes.usage, `${JSON.stringify(line)} is no header`, "Write it like --header 'X-GitHub-Event: package'.");
    return [name, value];
  });
  return { method: 'POST', headers: lowerCase(headers), body: await readInput(path), settings: {} };
}

/** Settings of an endpoint that is only on paper: what it says of itself, the recording's words over those. */
export const settingsFor = (endpoint: string, ...said: readonly Partial<SourceSettings>[]): SourceSettings =>
  settingsOf(endpoint, Object.assign({}, ...said) as Partial<SourceSettings>);

/** Undefined where it is no JSON. */
function parseJson(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}

/** One that came several times is joined, as the gateway does. */
function lowerCase(headers: readonly (readonly [name: string, value: string])[]): Headers {
  const byName = Map.groupBy(headers, ([name]) => name.toLowerCase());
  return Object.fromEntries([...byName].map(([name, entries]) => [name, entries.map(([, value]) => value).join(', ')]));
}

type Defined<T> = { readonly [K in keyof T]: Exclude<T[K], undefined> };
const definedOf = <T extends object>(value: T): Partial<Defined<T>> =>
  Object.fromEntries(Object.entries(value).filter(([, each]) => each !== undefined)) as Partial<Defined<T>>;
