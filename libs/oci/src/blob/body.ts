import type { Digest } from '@waybill/domain';
import { algorithmOf, hashFor } from '../descriptor/digest.ts';
import { OciError, type OciErrorDetails } from '../host/errors.ts';

type Where = Pick<OciErrorDetails, 'host' | 'repository'>;
export type Chunks = AsyncIterable<Uint8Array>;

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

/**
 * Passes a body on and checks its size and digest on the way.
 *
 * The last chunk is held back until the digest is known to be right, so that a reader (an upload with Content-Length) never gets
 * all of a body that is wrong.
 * @throws OciError `CONTENT_SIZE_MISMATCH` or `CONTENT_DIGEST_MISMATCH`
 */
export async function* verifiedChunks(
  body: Chunks,
  expected: { readonly digest: Digest; readonly sizeBytes: number },
  where: Where,
): AsyncGenerator<Uint8Array, void, undefined> {
  const hash = hashFor(expected.digest);
  let bytesRead = 0;
  let held: Uint8Array | undefined;
  for await (const chunk of body) {
    bytesRead += chunk.byteLength;
    if (bytesRead > expected.sizeBytes) break;
    hash.update(chunk);
    if (held) yield held;
    held = chunk;
  }
  if (bytesRead !== expected.sizeBytes) {
    const found = bytesRead > expected.sizeBytes ? 'more' : bytesRead;
    const message = `${expected.digest} at ${where.host} should have ${expected.sizeBytes} bytes and has ${found}`;
    throw new OciError('CONTENT_SIZE_MISMATCH', message, where);
  }
  if (`${algorithmOf(expected.digest)}:${hash.digest('hex')}` !== expected.digest) {
    throw new OciError('CONTENT_DIGEST_MISMATCH', `the bytes that ${where.host} sent for ${expected.digest} have another digest`, where);
  }
  if (held) yield held;
}
