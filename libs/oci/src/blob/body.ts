import { OciError, type OciErrorDetails } from '../host/errors.ts';

type Where = Pick<OciErrorDetails, 'host' | 'repository'>;
export type Chunks = AsyncIterable<Uint8Array>;

/** Undefined for what is no JSON. */
export function parseJson(bytes: Buffer): unknown {
  try {
    return JSON.parse(bytes.toString('utf8'));
  } catch {
    return undefined; // The cause would quote the bytes, which may hold a token.
  }
}

/**
 * Reads a body into memory.
 * @throws OciError `CONTENT_TOO_LARGE` as soon as it is longer than `bytesMax`; what follows is not read
 */
export async function readBounded(body: Chunks, bytesMax: number, what: string, where: Where): Promise<Buffer> {
  const chunks: Uint8Array[] = [];
  let bytesRead = 0;
  for await (const chunk of body) {
    bytesRead += chunk.byteLength;
    if (bytesRead > bytesMax) throw new OciError('CONTENT_TOO_LARGE', `${what} at ${where.host} is larger than ${bytesMax} bytes`, where);
    chunks.push(chunk);
  }
  return Buffer.concat(chunks, bytesRead);
}
