import type { Readable } from 'node:stream';
import { setTimeout as sleep } from 'node:timers/promises';
import { findBlobSize, whatOf, type BlobQuery } from './blob.ts';
import { cutBuffer, cutStream, type Pieces } from './pieces.ts';
import { parseLocation, type RegistryClient, type RegistryResponse } from '../host/client.ts';
import { mayPass, OciError } from '../host/errors.ts';
import type { Tries } from '../host/repeat.ts';

/**
 * The bytes of a blob from an offset on; asked again, with another offset, when an upload goes on after it broke off. A Buffer is all of
 * the blob whatever the offset.
 */
export type OpenBytes = (offsetBytes: number) => Promise<Readable | Buffer>;

export type UploadQuery = BlobQuery & {
  /** A repository of the same registry that may have the blob: it is taken from there, without its bytes, where the registry can. */
  readonly mountFrom?: string | undefined;
  /** Sends pieces of this size, or larger ones where the registry asks for them. Default: all at once, unless that is too much for it. */
  readonly chunkBytes?: number | undefined;
  /** Told how many bytes have left since the last call; negative when a transfer goes back. */
  readonly onBytes?: ((bytes: number) => void) | undefined;
};

/** `bytesSent` counts again what had to be sent again. */
export type Uploaded = { readonly mounted: boolean; readonly bytesSent: number };

/** Where an upload goes on. */
type Session = {
  readonly location: URL;
  /** What the registry has. */
  readonly offsetBytes: number;
  readonly chunkBytesMin: number;
  /** Whether it goes on after it broke off, so that the registry may have other bytes than it should. */
  readonly isResumed: boolean;
};
type Upload = {
  readonly client: RegistryClient;
  readonly query: UploadQuery;
  readonly open: OpenBytes;
  readonly request: {
    readonly repository: string;
    readonly what: string;
    readonly action: 'push';
    readonly tries: Tries;
    readonly signal: AbortSignal;
  };
  /** The last one known; undefined before there is one, and when it is of no use any more. */
  session: Session | undefined;
  chunkBytes: number | undefined;
  /** How far into the blob it has been sent. */
  atBytes: number;
  bytesSent: number;
  sourceFailure: unknown;
  isChallenged: boolean;
};

/** For whoever refuses a whole blob as too large; then an eighth of it, and so on down to the least. */
const chunkBytesDefault = 64 * 1_048_576;
const chunkBytesLeast = 1_048_576;
const cancelMsMax = 5_000;
const cancelPauseMs = 20;

/**
 * Stores a blob: by one POST and one PUT, or by a PATCH for each piece (OCI distribution spec 1.1, "Pushing blobs"). What breaks off goes
 * on from where the registry says that it is, or begins anew where it does not say, a bounded number of times. An upload that fails or
 * is aborted is cancelled, as far as the registry can be reached within five seconds.
 * @param open called only when bytes are needed
 * @throws OciError, what the body fails with, or the signal's reason
 */
export async function uploadBlob(client: RegistryClient, query: UploadQuery, open: OpenBytes, signal: AbortSignal): Promise<Uploaded> {
  const tries = client.startTries(signal);
  const request = { repository: query.repository, what: `upload of ${whatOf(query)}`, action: 'push', tries, signal } as const;
  const state = {
    session: undefined,
    chunkBytes: query.chunkBytes,
    atBytes: 0,
    bytesSent: 0,
    sourceFailure: undefined,
    isChallenged: false,
  };
  const upload: Upload = { client, query, open, request, ...state };
  let mountFrom = query.mountFrom;
  for (;;) {
    try {
      const session = upload.session ? await resume(upload, upload.session) : await start(upload, mountFrom);
      if (session === 'mounted') return { mounted: true, bytesSent: upload.bytesSent };
      mountFrom = undefined; // The registry has said that it cannot.
      if (session === 'stored') break;
      upload.session = session;
      signal.throwIfAborted();
      if (session) {
        await transfer(upload, session);
        break;
      }
    } catch (error) {
      try {
        await prepareAgain(upload, error);
        await tries.after(error, upload.session?.offsetBytes ?? 0);
      } catch (final) {
        if (upload.session) await discard(upload, upload.session);
        throw final;
      }
    }
  }
  return { mounted: false, bytesSent: upload.bytesSent };
}

/** Makes ready for another try. @throws the error where none would help */
async function prepareAgain(upload: Upload, error: unknown): Promise<void> {
  const { session, chunkBytes, query } = upload;
  upload.request.signal.throwIfAborted();
  if (upload.sourceFailure !== undefined || !(error instanceof OciError)) throw error;
  if (mayPass(error)) return; // The registry is asked where it is.
  if (error.status === 416 && (session?.offsetBytes ?? 0) > 0) return; // At 0 it would say the same again: it may have one byte.
  if (error.status === 413 && (chunkBytes ?? Infinity) > chunkBytesLeast) {
    const smaller = chunkBytes === undefined ? Math.min(chunkBytesDefault, query.descriptor.sizeBytes / 2) : chunkBytes / 8;
    upload.chunkBytes = Math.max(chunkBytesLeast, Math.ceil(smaller));
    return;
  }
  const isExpired = error.status === 401 && session !== undefined && !upload.isChallenged;
  if (isExpired) {
    upload.isChallenged = true; // A stream cannot answer a challenge; the question where the registry is does, and gets a new token.
    return;
  }
  const isLost = error.status === 404 && session !== undefined;
  const isSpoilt = error.code === 'REGISTRY_REJECTED' && error.status !== 413 && session?.isResumed === true;
  if (!isLost && !isSpoilt) throw error;
  if (isSpoilt) await discard(upload, session);
}

async function start(upload: Upload, mountFrom: string | undefined): Promise<Session | 'mounted'> {
  const { client, query, request } = upload;
  const mount = mountFrom === undefined ? '' : `?${new URLSearchParams({ mount: query.descriptor.digest, from: mountFrom }).toString()}`;
  request.signal.throwIfAborted();
  // Ended before its answer is here, it would leave an upload that nobody knows.
  const { signal, release } = outlast(request.signal, cancelMsMax);
  const started = { ...request, method: 'POST', at: `blobs/uploads/${mount}`, mountFrom, expects: [201, 202], signal } as const;
  const response = await client.send(started).finally(release);
  await response.body.dump();
  if (response.status === 201) return 'mounted';
  const least = Number(response.headers['oci-chunk-min-length'] ?? 0);
  const chunkBytesMin = Number.isSafeInteger(least) && least > 0 ? least : 0;
  return { location: parseUploadLocation(client, request.repository, response), offsetBytes: 0, chunkBytesMin, isResumed: false };
}

/** Asks the registry where it is. `stored`: the upload is over, and only its answer was lost; undefined: it is to begin anew. */
async function resume(upload: Upload, session: Session): Promise<Session | 'stored' | undefined> {
  const { client, query, request } = upload;
  const found = await findStatus(client, request, session.location);
  if (!found)
    return (await findBlobSize(client, { ...query, tries: request.tries }, request.signal)) === query.descriptor.sizeBytes
      ? 'stored'
      : undefined;
  if (found.offsetBytes <= upload.atBytes) return { ...session, ...found, isResumed: true };
  await discard(upload, session); // More than was sent cannot be ours.
  return undefined;
}

/** Undefined when there is no such upload any more, or the registry does not say. */
async function findStatus(
  client: RegistryClient,
  request: Upload['request'],
  location: URL,
): Promise<Pick<Session, 'location' | 'offsetBytes'> | undefined> {
  try {
    const response = await client.send({ ...request, method: 'GET', at: location, expects: [200, 202, 204] });
    await response.body.dump();
    return { location: parseUploadLocation(client, request.repository, response), offsetBytes: findOffset(response) ?? 0 };
  } catch (error) {
    if (mayPass(error) || !(error instanceof OciError)) throw error;
    return undefined;
  }
}

/** `0-0` is said for one byte as for none; if it was one, the digest will tell. */
const findOffset = ({ headers }: RegistryResponse): number | undefined => {
  const last = /^(?:bytes=)?0-(\d{1,15})$/.exec(String(headers['range']))?.[1];
  return last === undefined ? undefined : Number(last) && Number(last) + 1;
};

async function transfer(upload: Upload, session: Session): Promise<void> {
  const { query, chunkBytes } = upload;
  const { sizeBytes } = query.descriptor;
  if (upload.atBytes > session.offsetBytes) query.onBytes?.(session.offsetBytes - upload.atBytes);
  upload.atBytes = session.offsetBytes;
  const source = await openSource(upload);
  try {
    let at = session;
    if (session.offsetBytes === 0 && chunkBytes === undefined) return await finish(upload, at, source.next(sizeBytes));
    while (at.offsetBytes < sizeBytes) {
      at = await sendPiece(upload, at, source, Math.max(chunkBytes ?? sizeBytes, at.chunkBytesMin));
      upload.session = at;
    }
    await finish(upload, at, Buffer.alloc(0));
  } catch (error) {
    upload.sourceFailure = source.failure();
    throw upload.sourceFailure ?? error;
  } finally {
    source.close();
  }
}

async function openSource(upload: Upload): Promise<Pieces> {
  const { atBytes, open, query } = upload;
  const count = (bytes: number): void => {
    upload.atBytes += bytes;
    upload.bytesSent += bytes;
    query.onBytes?.(bytes);
  };
  if (atBytes === query.descriptor.sizeBytes) return cutBuffer(Buffer.alloc(0), 0, () => {});
  try {
    const bytes = await open(atBytes);
    return Buffer.isBuffer(bytes) ? cutBuffer(bytes, atBytes, count) : cutStream(bytes, count);
  } catch (error) {
    upload.sourceFailure = error;
    throw error;
  }
}

async function sendPiece(upload: Upload, session: Session, source: Pieces, bytesMax: number): Promise<Session> {
  const { client, query, request } = upload;
  const start = session.offsetBytes;
  const end = Math.min(start + bytesMax, query.descriptor.sizeBytes);
  const headers = { ...headersFor(end - start), 'content-range': `${start}-${end - 1}` };
  const body = source.next(end - start);
  const response = await client.send({ ...request, method: 'PATCH', at: session.location, headers, body, expects: [202] });
  await response.body.dump();
  const offsetBytes = findOffset(response) ?? end;
  if (offsetBytes !== end && end > 1) {
    const { host } = client.registry;
    const message = `${host} took ${offsetBytes} bytes of the ${end} that were sent of ${request.what} of ${request.repository}`;
    throw new OciError('REGISTRY_UNAVAILABLE', message, { host, repository: request.repository, status: response.status });
  }
  return { ...session, location: parseUploadLocation(client, request.repository, response), offsetBytes: end };
}

async function finish({ client, query, request }: Upload, session: Session, body: Readable | Buffer): Promise<void> {
  const at = new URL(session.location);
  at.searchParams.set('digest', query.descriptor.digest); // Kept beside what is in the query already: it is the registry's state.
  const headers = headersFor(query.descriptor.sizeBytes - session.offsetBytes);
  const answer = await client.send({ ...request, method: 'PUT', at, headers, body, expects: [201] });
  await answer.body.dump();
}

const headersFor = (sizeBytes: number) => ({ 'content-type': 'application/octet-stream', 'content-length': String(sizeBytes) });

/** A signal that fires so much later. It is to be released, since the other one may live long. */
function outlast(signal: AbortSignal, graceMs: number): { readonly signal: AbortSignal; readonly release: () => void } {
  const late = new AbortController();
  let timer: NodeJS.Timeout | undefined;
  const onAbort = (): void => void (timer = setTimeout(() => late.abort(signal.reason), graceMs));
  signal.addEventListener('abort', onAbort, { once: true });
  const release = (): void => {
    signal.removeEventListener('abort', onAbort);
    clearTimeout(timer);
  };
  return { signal: late.signal, release };
}

/**
 * Cancels what is of no use any more. Asked each time where it is: CNCF Distribution cancels nothing at a place that it has left, and takes
 * in what was under way to it after the connection has ended.
 */
async function discard(upload: Upload, session: Session): Promise<void> {
  upload.session = undefined;
  const { client } = upload;
  const signal = AbortSignal.timeout(cancelMsMax);
  const request = { ...upload.request, signal };
  try {
    for (;;) {
      const found = await findStatus(client, request, session.location);
      if (!found) return;
      const expects = [200, 202, 204, 404, 416];
      const { status, body } = await client.send({ ...request, method: 'DELETE', at: found.location, expects });
      await body.dump();
      if (status !== 416) return;
      await sleep(cancelPauseMs, undefined, { signal });
    }
  } catch {
    // The failure that led here says more; the registry removes old uploads by itself.
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
