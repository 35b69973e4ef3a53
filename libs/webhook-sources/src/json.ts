import type { MalformedReason } from './parsed.ts';

/** A JSON object of unknown shape. Read it by {@link field}: the sender chose the keys. */
export type JsonObject = Readonly<Record<string, unknown>>;

/** The gateway takes 1 MiB; a parser that is fed from elsewhere holds the same bound. */
export const bodyBytesMax = 1_048_576;
/** Known senders nest at most 7 deep. */
export const depthMax = 32;

export type Json =
  { readonly ok: true; readonly value: JsonObject | readonly unknown[] } | { readonly ok: false; readonly reason: MalformedReason };

const utf8 = new TextDecoder('utf-8', { fatal: true });
const [quote, backslash, openBrace, closeBrace, openBracket, closeBracket] = [...Buffer.from('"\\{}[]')] as [
  number,
  number,
  number,
  number,
  number,
  number,
];

/** The object or the array that a body holds. Total: never throws, and its cost is linear in the body's size. */
export function parseJson(body: Buffer): Json {
  if (body.length > bodyBytesMax) return { ok: false, reason: 'BODY_TOO_LARGE' };
  if (depthOf(body) > depthMax) return { ok: false, reason: 'BODY_TOO_DEEP' };
  let text: string;
  try {
    text = utf8.decode(body);
  } catch {
    return { ok: false, reason: 'BODY_NOT_UTF8' };
  }
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch {
    return { ok: false, reason: 'BODY_NOT_JSON' };
  }
  return isObject(value) || Array.isArray(value) ? { ok: true, value } : { ok: false, reason: 'BODY_NOT_AN_OBJECT' };
}

/** Deepest nesting of brackets outside strings; looked at before parsing, so that nothing recursive meets a deep value. */
function depthOf(body: Buffer): number {
  let depth = 0;
  let deepest = 0;
  let inString = false;
  for (let at = 0; at < body.length; at++) {
    const byte = body[at];
    if (inString) {
      if (byte === backslash) at++;
      else if (byte === quote) inString = false;
    } else if (byte === quote) inString = true;
    else if (byte === openBrace || byte === openBracket) deepest = Math.max(deepest, ++depth);
    else if (byte === closeBrace || byte === closeBracket) depth--;
  }
  return deepest;
}

export const isObject = (value: unknown): value is JsonObject => typeof value === 'object' && value !== null && !Array.isArray(value);

/** An own property of an object; undefined for everything else, also for what objects inherit. */
export const field = (value: unknown, name: string): unknown => (isObject(value) && Object.hasOwn(value, name) ? value[name] : undefined);

/** A text of 1 to `lengthMax` characters, safe to encode; longer or other things are null. */
export const findText = (value: unknown, lengthMax = 255): string | null =>
  typeof value === 'string' && value.length > 0 && value.length <= lengthMax ? value.toWellFormed() : null;
