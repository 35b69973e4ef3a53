import type { Delivery } from './parsed.ts';

/** RFC 9110, section 8.3.1: a token or a quoted one. */
const charsetOf = (contentType: string): string | undefined => /;\s*charset\s*=\s*"?([^\s";]+)/i.exec(contentType)?.[1]?.toLowerCase();

const readable: ReadonlySet<string> = new Set(['utf-8', 'utf8', 'us-ascii', 'ascii']);

/**
 * Whether a body's bytes mean what they would mean as UTF-8. JSON is UTF-8 whatever is declared (RFC 8259, section 8.1), and some HTTP
 * clients declare Latin-1 of what is plain ASCII; but bytes above ASCII of another charset could be read as other letters than were meant.
 */
export function isReadAsMeant({ headers, body }: Pick<Delivery, 'headers' | 'body'>): boolean {
  const charset = charsetOf(headers['content-type'] ?? '');
  return charset === undefined || readable.has(charset) || body.every((byte) => byte > 0 && byte < 0x80);
}
