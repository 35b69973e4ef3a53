import { blobSource, findBlobSize, readBlob } from '../blob/blob.ts';
import { uploadBlob } from '../blob/upload.ts';
import type { InlineDescriptor } from '../descriptor/descriptor.ts';
import { OciError } from '../host/errors.ts';
import { unlessAborted } from '../host/concurrent.ts';
import type { BlobReport, Place } from './copy-request.ts';
import type { KnownPlaces } from './known-places.ts';
import { createSlots, type Slots } from './slots.ts';

export type BlobJob = {
  readonly source: Place;
  readonly target: Place;
  readonly descriptor: InlineDescriptor;
  /** Whose turn it is: one object per image. */
  readonly owner: object;
  readonly onBytes?: ((bytes: number) => void) | undefined;
  readonly signal: AbortSignal;
};

/**
 * Sees to it that a blob is at the target, and has been seen there with its size.
 * @throws OciError, `COPY_UNVERIFIED` when the target does not have what it took; or the signal's reason
 */
export type MoveBlob = (job: BlobJob) => Promise<BlobReport>;

export type BlobMoverOptions = {
  readonly places: KnownPlaces;
  /** Blobs on their way to one host at the same time. */
  readonly blobsAtOnceMax: number;
};

/**
 * Up to this size a blob is held in memory on its way, which is cheaper than a stream, and is not asked for before it is sent:
 * the request that begins the upload can tell as well. Above, a question costs nothing beside the bytes that it may spare.
 */
export const smallBlobBytesMax = 1_048_576;

/**
 * Moves blobs for any number of images at once. A blob that several of them need is sent once: the others wait for it, find it, or mount it
 * from where it went.
 */
export function createBlobMover({ places, blobsAtOnceMax }: BlobMoverOptions): MoveBlob {
  /** Per host and digest: settles, never rejects, when the blob is no longer on its way there. */
  const flights = new Map<string, Promise<void>>();
  const slotsOf = new Map<string, Slots>();
  const takeSlot = ({ target, owner, signal }: BlobJob): Promise<() => void> => {
    const { host } = target.client.registry;
    const slots = slotsOf.get(host) ?? createSlots(blobsAtOnceMax);
    slotsOf.set(host, slots);
    return slots.take(owner, signal);
  };
  const keyOf = ({ target, descriptor }: BlobJob): string => `${target.client.registry.host} ${descriptor.digest}`;

  const isFresh = ({ target, descriptor }: BlobJob): boolean =>
    places.isFresh(target.client.registry.host, target.repository, descriptor.digest);

  /** @returns undefined when another image was quicker: its flight is the one to wait for, or has brought the blob */
  const fly = async (job: BlobJob): Promise<Moved | undefined> => {
    const giveBack = await takeSlot(job);
    const landed = Promise.withResolvers<void>();
    const key = keyOf(job);
    if (flights.has(key) || isFresh(job)) {
      giveBack();
      return undefined;
    }
    flights.set(key, landed.promise);
    try {
      const moved = await transfer(job, places);
      if (!(await isThere(job, places))) throw unverified(job);
      return moved;
    } finally {
      flights.delete(key);
      landed.resolve();
      giveBack();
    }
  };

  const move = async (job: BlobJob): Promise<Moved> => {
    if (isFresh(job)) return present;
    if (job.descriptor.sizeBytes > smallBlobBytesMax && (await isThere(job, places))) return present;
    for (;;) {
      const flight = flights.get(keyOf(job));
      if (flight) await unlessAborted(flight, job.signal);
      const moved = isFresh(job) ? present : flight ? undefined : await fly(job);
      if (moved) return moved;
    }
  };
  return async (job) => {
    const startedAtMs = performance.now();
    const moved = await move(job);
    return { ...namesOf(job), ...moved, durationMs: performance.now() - startedAtMs };
  };
}

type Moved = Pick<BlobReport, 'outcome' | 'bytesSent'>;
const namesOf = ({ descriptor: { digest, mediaType, sizeBytes } }: BlobJob) => ({ digest, mediaType, sizeBytes });
const present: Moved = { outcome: 'present', bytesSent: 0 };

/** What would be moved, as far as can be told without doing it. */
export async function foreseeMove(job: BlobJob, places: KnownPlaces): Promise<BlobReport> {
  const { descriptor, target } = job;
  const outcome = (await isThere(job, places)) ? 'present' : findMountSource(job, places) === target.repository ? 'copied' : 'mounted';
  return { ...namesOf(job), outcome, bytesSent: outcome === 'copied' ? descriptor.sizeBytes : 0, durationMs: 0 };
}

async function isThere({ target, descriptor, signal }: BlobJob, places: KnownPlaces): Promise<boolean> {
  const { client, repository } = target;
  const { host } = client.registry;
  const sizeBytes = await findBlobSize(client, { repository, descriptor }, signal);
  // One of another size is not ours; sent again, the registry keeps the one whose digest is right.
  if (sizeBytes !== descriptor.sizeBytes) {
    places.forget(host, repository, descriptor.digest);
    return false;
  }
  places.saw(host, repository, descriptor.digest);
  return true;
}

/** Where to mount from. The target's own repository, where nothing better is known: mounted from itself, a blob was there already. */
function findMountSource({ source, target, descriptor }: BlobJob, places: KnownPlaces): string {
  const { host } = target.client.registry;
  if (source.client.registry.host === host) return source.repository;
  return places.findOther(host, target.repository, descriptor.digest) ?? target.repository;
}

async function transfer(job: BlobJob, places: KnownPlaces): Promise<Moved> {
  const { target, descriptor } = job;
  const { client, repository } = target;
  const mountFrom = findMountSource(job, places);
  const isLarge = descriptor.sizeBytes > smallBlobBytesMax;
  if (mountFrom === repository && isLarge) return upload(job, undefined); // It was asked for, and is not there.
  try {
    const moved = await upload(job, mountFrom);
    if (moved.outcome === 'mounted' && mountFrom === repository) return present;
    if (moved.outcome === 'copied') places.forget(client.registry.host, mountFrom, descriptor.digest);
    return moved;
  } catch (error) {
    // No right to read there, or no mounting at all: the bytes can still be sent.
    if (!(error instanceof OciError) || !mountRefusals.has(error.code) || error.host !== client.registry.host) throw error;
    places.forget(client.registry.host, mountFrom, descriptor.digest);
    return upload(job, undefined);
  }
}

const mountRefusals: ReadonlySet<string> = new Set([
  'REGISTRY_UNAUTHORIZED',
  'REGISTRY_DENIED',
  'REGISTRY_REJECTED',
  'REGISTRY_PROTOCOL',
  'CONTENT_NOT_FOUND',
]);

async function upload({ source, target, descriptor, onBytes, signal }: BlobJob, mountFrom: string | undefined): Promise<Moved> {
  const { repository, client } = target;
  const from = { repository: source.repository, descriptor };
  const open =
    descriptor.sizeBytes > smallBlobBytesMax
      ? blobSource(source.client, from, signal)
      : () => readBlob(source.client, from, smallBlobBytesMax, signal);
  const { mounted, bytesSent } = await uploadBlob(client, { repository, descriptor, mountFrom, onBytes }, open, signal);
  return { outcome: mounted ? 'mounted' : 'copied', bytesSent };
}

const unverified = ({ target, descriptor }: BlobJob): OciError => {
  const { host } = target.client.registry;
  const message = `${host} does not have blob ${descriptor.digest} of ${target.repository} as it took it: copy again`;
  return new OciError('COPY_UNVERIFIED', message, { host, repository: target.repository });
};
