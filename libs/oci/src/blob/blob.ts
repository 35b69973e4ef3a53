import { Readable } from 'node:stream';
import { readBounded, verifiedChunks } from './body.ts';
import { asOciError, parseLocation, type RegistryClient, type RegistryResponse } from '../host/client.ts';
import type { Descriptor } from '../descriptor/descriptor.ts';
import { OciError } from '../host/errors.ts';

export type BlobQuery = { readonly repository: string; readonly descriptor: Descriptor };

const whatOf = ({ descriptor }: BlobQuery): string => `blob ${descriptor.digest}`;

/** Size in bytes of a blob at the registry; undefined when it is not there. */
export async function findBlobSize(client: RegistryClient, query: BlobQuery, signal: AbortSignal): Promise<number | undefined> {
  const { status, headers } = await client.send({
    method: 'HEAD',
    repository: query.repository,
    what: whatOf(query),
    at: `blobs/${query.descriptor.digest}`,
    action: 'pull',
    expects: [200, 404],
    signal,
  });
  const length = headers['content-length'];
  return status === 404 || typeof length !== 'string' ? undefined : Number(length);
}

/**
 * A blob as a stream that fails, before its last bytes, when size or digest are wrong. Bytes are not buffered.
 * @throws OciError
 */
export async function openBlob(client: RegistryClient, query: BlobQuery, signal: AbortSignal): Promise<Readable> {
  const { repository, descriptor } = query;
  const request = { what: whatOf(query), repository, signal };
  const { body } = await client.send({ ...request, method: 'GET', at: `blobs/${descriptor.digest}`, action: 'pull', expects: [200] });
  const where = { host: client.registry.host, repository };
  async function* chunks(): AsyncGenerator<Uint8Array, void, undefined> {
    try {
      yield* verifiedChunks(body, descriptor, where);
    } catch (error) {
      throw asOciError(error, request, client.registry);
    } finally {
      body.destroy(); // Also when the reader stops early: the connection must not wait for it.
    }
  }
  const stream = Readable.from(chunks(), { objectMode: false });
  stream.once('close', () => body.destroy()); // A stream destroyed before its first read never enters the generator.
  return stream;
}

/**
 * A small blob in memory, verified.
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
  return readBounded(await openBlob(client, query, signal), bytesMax, whatOf(query), where);
}

/**
 * Stores a blob by one POST and one PUT ("monolithic", OCI distribution spec 1.1). With `mountFrom` the registry may
 * take the blob from that repository of its own instead.
 * @param open called only when the bytes are needed
 * @returns whether it was mounted, so that no bytes were sent
 * @throws OciError, or what the body fails with
 */
export async function uploadBlob(
  client: RegistryClient,
  query: BlobQuery & { readonly mountFrom?: string | undefined },
  open: () => Promise<Readable | Buffer>,
  signal: AbortSignal,
): Promise<{ readonly mounted: boolean }> {
  const { repository, descriptor, mountFrom } = query;
  const request = { repository, what: `upload of ${whatOf(query)}`, action: 'push', signal } as const;
  const mount = mountFrom === undefined ? '' : `?${new URLSearchParams({ mount: descriptor.digest, from: mountFrom }).toString()}`;
  const started = await client.send({ ...request, method: 'POST', at: `blobs/uploads/${mount}`, mountFrom, expects: [201, 202] });
  await started.body.dump();
  if (started.status === 201) return { mounted: true };

  const at = parseUploadLocation(client, repository, started);
  at.searchParams.set('digest', descriptor.digest); // Kept beside what is in the query already: it is the registry's state.
  const body = await open();
  const stream = Buffer.isBuffer(body) ? undefined : body;
  const failed = stream && new Promise<never>((_, reject) => stream.once('error', reject));
  failed?.catch(() => {}); // The send below fails too; the body's own error is the better one to tell.
  try {
    const headers = { 'content-type': 'application/octet-stream', 'content-length': String(descriptor.sizeBytes) };
    const put = client.send({ ...request, method: 'PUT', at, headers, body, expects: [201] });
    const { body: answer } = await (failed ? Promise.race([put, failed]) : put);
    await answer.dump();
    return { mounted: false };
  } finally {
    stream?.destroy();
  }
}

function parseUploadLocation(client: RegistryClient, repository: string, started: RegistryResponse): URL {
  const location = parseLocation(started);
  const { registry } = client;
  const where = { host: registry.host, repository };
  if (!location) throw new OciError('REGISTRY_PROTOCOL', `${registry.host} began an upload without saying where it goes on`, where);
  if (location.protocol !== 'https:' && registry.plainHttp !== true) {
    throw new OciError('REDIRECT_REFUSED', `${registry.host} wants an upload over plain HTTP: correct its external URL`, where);
  }
  return location;
}
