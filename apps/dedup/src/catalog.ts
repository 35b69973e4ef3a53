import { happenedAtMs, type DigestEntry, type ImageDeleted, type ImagePulled, type ImagePushed, type TagEntry } from '@waybill/domain';

/**
 * A tag after a push. A push that is older than the last one, or than the tag's deletion, is history: it counts, but moves nothing back.
 * A push of an earlier digest that is newer is a move like any other.
 */
export function tagPushed(entry: TagEntry | undefined, tag: string, push: ImagePushed, eventId: string): TagEntry {
  const atMs = happenedAtMs(push);
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
  if (atMs < newestAtMs(entry) || (digest === entry.digest && entry.deletedAtMs === null)) return counted;
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

/** A tag after its deletion, or the deletion of the manifest that it points to; also where its push is yet to be heard of. */
export function tagDeleted(entry: TagEntry | undefined, tag: string, deletion: ImageDeleted, eventId: string): TagEntry {
  const atMs = happenedAtMs(deletion);
  if (!entry) {
    const { registry, repository } = deletion;
    const times = { firstSeenAtMs: atMs, changedAtMs: atMs, lastSeenAtMs: atMs, deletedAtMs: atMs };
    return { registry, repository, tag, digest: null, previousDigest: null, ...times, pushesCount: 0, movesCount: 0, lastEventId: eventId };
  }
  if (atMs < newestAtMs(entry) || entry.deletedAtMs !== null) return entry;
  return { ...entry, digest: null, previousDigest: entry.digest, changedAtMs: atMs, deletedAtMs: atMs, lastEventId: eventId };
}

/** The last push or deletion: a repeated push changes nothing, yet what is older than it is late all the same. */
const newestAtMs = ({ changedAtMs, lastSeenAtMs }: TagEntry): number => Math.max(changedAtMs, lastSeenAtMs);

export function digestPushed(entry: DigestEntry | undefined, digest: string, push: ImagePushed, eventId: string): DigestEntry {
  const known = entry ?? newDigest(digest, push);
  return {
    ...seen(known, push, eventId),
    pushesCount: known.pushesCount + 1,
    mediaType: push.mediaType ?? known.mediaType,
    deletedAtMs: known.deletedAtMs !== null && happenedAtMs(push) < known.deletedAtMs ? known.deletedAtMs : null,
  };
}

/** A manifest after a pull. Our own robots pull to inspect, scan and copy: that is no use of it. */
export function digestPulled(entry: DigestEntry | undefined, digest: string, pull: ImagePulled, eventId: string): DigestEntry {
  const known = entry ?? newDigest(digest, pull);
  const counted = { ...seen(known, pull, eventId), pullsCount: known.pullsCount + 1 };
  return pull.byOwnRobot ? counted : { ...counted, lastPulledAtMs: Math.max(known.lastPulledAtMs ?? 0, happenedAtMs(pull)) };
}

/** A manifest after its deletion; what was seen after that is there again. */
export function digestDeleted(entry: DigestEntry, deletion: ImageDeleted, eventId: string): DigestEntry {
  const atMs = happenedAtMs(deletion);
  return atMs < entry.lastSeenAtMs ? entry : { ...entry, deletedAtMs: atMs, lastEventId: eventId };
}

const newDigest = (digest: string, { registry, repository, mediaType, ...event }: ImagePushed | ImagePulled): DigestEntry => {
  const atMs = happenedAtMs(event);
  const counts = { pushesCount: 0, pullsCount: 0, lastPulledAtMs: null, deletedAtMs: null, lastEventId: '' };
  return { registry, repository, digest, mediaType, firstSeenAtMs: atMs, lastSeenAtMs: atMs, ...counts };
};

const seen = (entry: DigestEntry, event: ImagePushed | ImagePulled, eventId: string): DigestEntry => {
  const atMs = happenedAtMs(event);
  return {
    ...entry,
    firstSeenAtMs: Math.min(entry.firstSeenAtMs, atMs),
    lastSeenAtMs: Math.max(entry.lastSeenAtMs, atMs),
    lastEventId: eventId,
  };
};
