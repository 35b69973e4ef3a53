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
const codeOf = (character: string): number => character.charCodeAt(0);
const [quote, backslash, colon] = [codeOf('"'), codeOf('\\'), codeOf(':')];
const [openBrace, closeBrace, openBracket, closeBracket] = [codeOf('{'), codeOf('}'), codeOf('['), codeOf(']')];

/**
 * The object or the array that a body holds. Total: never throws, and its cost is linear in the body's size.
 *
 * A key that an object has twice is refused, also when only its escapes differ: parsers take the first, the last or neither, so such
 * a body says one thing to us and another to whoever reads it elsewhere (RFC 8259, section 4; RFC 7493, section 2.3). No known sender
 * writes one.
 */
export function parseJson(body: Buffer): Json {
  if (body.length > bodyBytesMax) return { ok: false, reason: 'BODY_TOO_LARGE' };
  const written = shapeOf(body);
  if (written.depth > depthMax) return { ok: false, reason: 'BODY_TOO_DEEP' };
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
  if (countMembers(value) !== written.members) return { ok: false, reason: 'BODY_KEY_TWICE' };
  return isObject(value) || Array.isArray(value) ? { ok: true, value } : { ok: false, reason: 'BODY_NOT_AN_OBJECT' };
}

/**
 * How deep brackets outside strings nest, and how many members all objects have together. Looked at before parsing, so that nothing
 * recursive meets a deep value. Of a body that is no JSON the numbers mean nothing.
 */
function shapeOf(body: Buffer): { readonly depth: number; readonly members: number } {
  let [depth, deepest, members] = [0, 0, 0];
  let inString = false;
  for (let at = 0; at < body.length; at++) {
    const byte = body[at];
    if (inString) {
      if (byte === backslash) at++;
      else if (byte === quote) inString = false;
    } else if (byte === quote) inString = true;
    else if (byte === colon) members++;
    else if (byte === openBrace || byte === openBracket) deepest = Math.max(deepest, ++depth);
    else if (byte === closeBrace || byte === closeBracket) depth--;
  }
  return { depth: deepest, members };
}

/** Members that are left of a parsed value: of two with one key only the last is. Called for at most {@link depthMax} levels. */
function countMembers(value: unknown): number {
  if (typeof value !== 'object' || value === null) return 0;
  const children: readonly unknown[] = Array.isArray(value) ? value : Object.values(value);
  return children.reduce<number>((count, child) => count + countMembers(child), Array.isArray(value) ? 0 : children.length);
}

export const isObject = (value: unknown): value is JsonObject => typeof value === 'object' && value !== null && !Array.isArray(value);

/** An own property of an object; undefined for everything else, also for what objects inherit. */
export const field = (value: unknown, name: string): unknown => (isObject(value) && Object.hasOwn(value, name) ? value[name] : undefined);

/** A text of 1 to `lengthMax` characters, safe to encode; longer or other things are null. */
export const findText = (value: unknown, lengthMax = 255): string | null =>
  typeof value === 'string' && value.length > 0 && value.length <= lengthMax ? value.toWellFormed() : null;
