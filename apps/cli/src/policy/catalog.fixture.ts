// Images in a log in memory, as dedup, inspector, replicator and usage leave them there.
import { digestKey, tagKey, topics, type DigestEntry, type ReplicaState, type TypedRecord } from '@waybill/domain';
import { jsonCodec, type MemoryLog } from '@waybill/stream/testing';

const dayMs = 86_400_000;
export const digestOf = (letter: string): string => `sha256:${letter.repeat(64)}`;

export function put(memory: MemoryLog, topic: string, key: string, row: TypedRecord | null): void {
  memory.append({ topic, partition: 0, key, value: row === null ? null : jsonCodec.encode(row), headers: {} });
}

type Pushed = { readonly repository?: string; readonly isTagged?: boolean };

/** An image of 1,024 bytes that was pushed so many days ago, with a tag of its letter unless it is to have none. */
export function push(memory: MemoryLog, letter: string, daysAgo: number, { repository = 'demo/app', isTagged = true }: Pushed = {}): void {
  const place = { registry: 'a.test', repository };
  const atMs = Date.now() - daysAgo * dayMs;
  const digest = digestOf(letter);
  const times = { firstSeenAtMs: atMs, lastSeenAtMs: atMs, deletedAtMs: null, lastEventId: 'e', pushesCount: 1 };
  const entry: DigestEntry = { ...place, digest, mediaType: null, pullsCount: 0, lastPulledAtMs: null, ...times };
  put(memory, topics.catalog.name, digestKey(place, digest), { type: 'DigestEntry', data: entry });
  if (isTagged)
    put(memory, topics.catalog.name, tagKey(place, `v${letter}`), {
      type: 'TagEntry',
      data: { ...place, tag: `v${letter}`, digest, previousDigest: null, changedAtMs: atMs, movesCount: 0, ...times },
    });
  const facts = { kind: 'image', sizeBytes: 24, totalBytes: 1_000, platforms: [], subject: null };
  put(memory, topics.imageFacts.name, digestKey(place, digest), { type: 'ImageFacts', data: { ...place, digest, ...facts } as never });
}

/** Its copy to b.test, which tells nothing itself. */
export function copy(
  memory: MemoryLog,
  letter: string,
  { repository = 'demo/app', targetTag = `v${letter}`, target = 'b.test' } = {},
): void {
  const digest = digestOf(letter);
  const data: ReplicaState = {
    ...{ registry: 'a.test', repository, tag: `v${letter}`, digest, copiedDigest: digest, status: 'copied', reason: null },
    ...{ targetRegistry: target, targetRepository: repository, targetTag, changedAtMs: Date.now() },
    ...{ decisionEventId: 'd', correlationId: 'c', platforms: [], priorityClass: 'normal' },
  };
  put(memory, topics.replicaState.name, tagKey({ registry: target, repository }, targetTag), { type: 'ReplicaState', data });
}
