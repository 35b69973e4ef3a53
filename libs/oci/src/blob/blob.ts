import type { Readable } from 'node:stream';
import { readBounded } from './body.ts';
import { asOciError, type RegistryClient } from '../host/client.ts';
import type { InlineDescriptor } from '../descriptor/descriptor.ts';
import { findInlined } from '../descriptor/inlined.ts';
import { OciError } from '../host/errors.ts';
import type { Tries } from '../host/repeat.ts';
import { openResumingStream, type Opened } from './resuming-stream.ts';
import { createCheckpoints, createVerifier } from './verifier.ts';

export type BlobQuery = {
  readonly repository: string;
  readonly descriptor: InlineDescriptor;
};

export const whatOf = ({ descriptor }: BlobQuery): string => `blob ${descriptor.digest}`;

/** Size in bytes of a blob at the registry; undefined when it is not there. */
export async function findBlobSize(
  client: RegistryClient,
  query: BlobQuery & { readonly tries?: Tries | undefined },
  signal: AbortSignal,
): Promise<number | undefined> {
  const { status, headers } = await client.send({
    method: 'HEAD',
    repository: query.repository,
    what: whatOf(query),
    at: `blobs/${query.descriptor.digest}`,
    action: 'pull',
    expects: [200, 404],
    tries: query.tries,
    signal,
  });
  const length = headers['content-length'];
  return status === 404 || typeof length !== 'string' ? undefined : Number(length);
}

/**
 * A blob as a stream that fails, before its last bytes, when size or digest are wrong. A connection that breaks off or falls silent is
 * made again and goes on from where it was, a bounded number of times. Nothing is buffered beyond some hundred KiB.
 * @throws OciError, or the stream fails with it
 */
export const openBlob = (client: RegistryClient, query: BlobQuery, signal: AbortSignal): Promise<Readable> =>
  blobSource(client, query, signal)(0);

/**
 * A blob to be uploaded elsewhere: a stream from any offset. Size and digest of the whole are checked each time; of what lies before the
 * offset some MiB at most are fetched again.
 */
export function blobSource(client: RegistryClient, query: BlobQuery, signal: AbortSignal): (offsetBytes: number) => Promise<Readable> {
  const { repository, descriptor } = query;
  const where = { host: client.registry.host, repository };
  const checkpoints = createCheckpoints(descriptor.digest);
  return (offsetBytes) =>
    openResumingStream({
      sizeBytes: descriptor.sizeBytes,
      verifier: createVerifier(descriptor, offsetBytes, checkpoints, where),
      open: (atBytes, tries, either) => openBody(client, query, atBytes, tries, either),
      describe: (error) => asOciError(error, { what: whatOf(query), repository, signal }, client.registry),
      startTries: client.startTries,
      signal,
    });
}

/** Asks the registry each time and never where it redirected to: such addresses expire. */
async function openBody(client: RegistryClient, query: BlobQuery, offsetBytes: number, tries: Tries, signal: AbortSignal): Promise<Opened> {
  const { repository, descriptor } = query;
  const what = whatOf(query);
  const request = { method: 'GET', repository, what, at: `blobs/${descriptor.digest}`, action: 'pull', tries, signal } as const;
  const response = await client.send(
    offsetBytes === 0
      ? { ...request, expects: [200] }
      : { ...request, headers: { range: `bytes=${offsetBytes}-` }, expects: [200, 206, 416] },
  );
  const refuse = (code: 'CONTENT_SIZE_MISMATCH' | 'REGISTRY_PROTOCOL', why: string): OciError => {
    response.body.destroy();
    const { host } = client.registry;
    return new OciError(code, `${host} ${why} of ${whatOf(query)} of ${repository}`, { host, repository, status: response.status });
  };
  const { sizeBytes } = descriptor;
  if (response.status === 416) throw refuse('CONTENT_SIZE_MISMATCH', `has nothing at byte ${offsetBytes} of the ${sizeBytes}`);
  if (response.status === 206) {
    const range = /^bytes (\d+)-\d+\/(\d+|\*)$/.exec(String(response.headers['content-range']));
    if (Number(range?.[1] ?? NaN) !== offsetBytes)
      throw refuse('REGISTRY_PROTOCOL', `sent something else than the rest after ${offsetBytes} bytes`);
    if (range![2] !== '*' && Number(range![2]) !== sizeBytes)
      throw refuse('CONTENT_SIZE_MISMATCH', `has ${range![2]} bytes instead of ${sizeBytes}`);
    return { body: response.body, skipBytes: 0 };
  }
  const length = response.headers['content-length'];
  if (length !== undefined && Number(length) !== sizeBytes)
    throw refuse('CONTENT_SIZE_MISMATCH', `has ${Number(length)} bytes instead of ${sizeBytes}`);
  return { body: response.body, skipBytes: offsetBytes };
}

/**
 * A small blob in memory, verified. One that lies in its descriptor is not asked for.
 * @throws OciError `CONTENT_TOO_LARGE` when its descriptor says more than `bytesMax`; then nothing is read
 */
export async function readBlob(client: RegistryClient, query: BlobQuery, bytesMax: number, signal: AbortSignal): Promise<Buffer> {
  const where = { host: client.registry.host, repository: query.repository };
  if (query.descriptor.sizeBytes > bytesMax) {
    throw new OciError(
      'CONTENT_TOO_LARGE',
      `${whatOf(query)} has ${query.descriptor.sizeBytes} bytes; ${bytesMax} are read at most`,
      where,
    );
  }
  const inlined = findInlined(query.descriptor, where);
  return inlined ?? readBounded(await openBlob(client, query, signal), bytesMax, whatOf(query), where);
}
