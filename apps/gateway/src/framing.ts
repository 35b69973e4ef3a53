import type { IncomingMessage } from 'node:http';
import type { RefusalCode } from './refusals.ts';

/** Known senders use at most 20, proxies add about 10. Node drops those above 2,000 without a word. */
const headersMax = 100;
/** Whoever reads the first of two and whoever reads the last see two different requests. */
const singletons: ReadonlySet<string> = new Set([
  ...['host', 'content-length', 'transfer-encoding', 'content-type', 'content-encoding', 'authorization', 'expect'],
]);

/**
 * What Node's strict parser lets pass, though two readers of the same bytes could take them for different requests: HTTP/0.9 and
 * 2.0 on its request line, doubled headers, and transfer codings that Node does not undo (RFC 9112, section 6.1).
 */
export function findFramingFault({ httpVersion, rawHeaders, headers }: IncomingMessage): RefusalCode | undefined {
  if (rawHeaders.length > 2 * headersMax) return 'HEADERS_TOO_LARGE';
  if (httpVersion !== '1.1' && httpVersion !== '1.0') return 'REQUEST_INVALID';
  const coding = headers['transfer-encoding'];
  if (coding !== undefined && (httpVersion === '1.0' || coding.toLowerCase() !== 'chunked')) return 'REQUEST_INVALID';
  const seen = new Set<string>();
  for (let index = 0; index < rawHeaders.length; index += 2) {
    const name = rawHeaders[index]!.toLowerCase();
    if (!singletons.has(name)) continue;
    if (seen.has(name)) return 'REQUEST_INVALID';
    seen.add(name);
  }
  return undefined;
}
