import type { DigestEntry, ImageDeleted, ImagePulled, ImagePushed, TagEntry } from '@waybill/domain';

/** When the registry says it happened; where it does not say, when we heard of it. */
export const occurredAtMs = (event: ImagePushed | ImageDeleted | ImagePulled): number => event.occurredAtMs ?? event.receivedAtMs;

/**
 * A tag after a push. A push that is older than the tag's last change is history: it counts, but moves nothing back.
 * A push of an earlier digest that is newer is a move like any other.
 */
export function tagPushed(entry: TagEntry | undefined, tag: string, push: ImagePushed, eventId: string): TagEntry {
  const atMs = occurredAtMs(push);
  const { registry, repository, digest } = push;
  if (!entry) {
    const seen = { firstSeenAtMs: atMs, changedAtMs: atMs, lastSeenAtMs: atMs };
    return {
      registry,
      repository,
      tag,
      digest,
      previousDigest: null,
      ...seen,
      pushesCount: 1,
      movesCount: 0,
      deletedAtMs: null,
      lastEventId: eventId,
    };
  }
  const counted = {
    ...entry,
    pushesCount: entry.pushesCount + 1,
    firstSeenAtMs: Math.min(entry.firstSeenAtMs, atMs),
    lastSeenAtMs: Math.max(entry.lastSeenAtMs, atMs),
    lastEventId: eventId,
  };
  if (atMs < entry.changedAtMs || (digest === entry.digest && entry.deletedAtMs === null)) return counted;
  const moved = entry.digest !== null && digest !== entry.digest;
  return {
    ...counted,
    digest,
    previousDigest: moved ? entry.digest : entry.previousDigest,
    movesCount: entry.movesCount + (moved ? 1 : 0),
    changedAtMs: atMs,
    deletedAtMs: null,
  };
}

/** A tag after its deletion, or the deletion of the manifest that it points to. */
export function tagDeleted(entry: TagEntry, deletion: ImageDeleted, eventId: string): TagEntry {
  const atMs = occurredAtMs(deletion);
  if (atMs < entry.changedAtMs || entry.deletedAtMs !== null) return entry;
  return { ...entry, digest: null, previousDigest: entry.digest, changedAtMs: atMs, deletedAtMs: atMs, lastEventId: eventId };
}

export function digestPushed(entry: DigestEntry | undefined, digest: string, push: ImagePushed, eventId: string): DigestEntry {
  const known = entry ?? newDigest(digest, push);
  return {
    ...seen(known, push, eventId),
    pushesCount: known.pushesCount + 1,
    mediaType: push.mediaType ?? known.mediaType,
    deletedAtMs: null,
  };
}

export function digestPulled(entry: DigestEntry | undefined, digest: string, pull: ImagePulled, eventId: string): DigestEntry {
  const known = entry ?? newDigest(digest, pull);
  return { ...seen(known, pull, eventId), pullsCount: known.pullsCount + 1 };
}

export const digestDeleted = (entry: DigestEntry, deletion: ImageDeleted, eventId: string): DigestEntry => ({
  ...entry,
  deletedAtMs: occurredAtMs(deletion),
  lastEventId: eventId,
});

const newDigest = (digest: string, { registry, repository, mediaType, ...event }: ImagePushed | ImagePulled): DigestEntry => {
  const atMs = event.occurredAtMs ?? event.receivedAtMs;
  const counts = { pushesCount: 0, pullsCount: 0, deletedAtMs: null, lastEventId: '' };
  return { registry, repository, digest, mediaType, firstSeenAtMs: atMs, lastSeenAtMs: atMs, ...counts };
};

const seen = (entry: DigestEntry, event: ImagePushed | ImagePulled, eventId: string): DigestEntry => {
  const atMs = occurredAtMs(event);
  return {
    ...entry,
    firstSeenAtMs: Math.min(entry.firstSeenAtMs, atMs),
    lastSeenAtMs: Math.max(entry.lastSeenAtMs, atMs),
    lastEventId: eventId,
  };
};
