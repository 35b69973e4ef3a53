import { digestKey, topics, type DigestEntry, type ImageFacts, type ReplicaState, type TagEntry } from '@waybill/domain';
import { readProjection, versionTopic, type Codec, type EventLog } from '@waybill/stream';
import { rowsOf, type OnRead } from './log-rows.ts';

/** What a manifest is, as far as storing it goes; the same wherever it lies. */
export type ManifestFacts = {
  /** Of its manifests, configs and layers, each once. */
  readonly sizeBytes: number;
  /** Manifests that it is made of. */
  readonly needs: readonly string[];
  readonly subject: string | null;
  /** What an index is made of beside platforms: an attestation, which the index alone knows to be its own. */
  readonly isAttestation: boolean;
};

/** What the log knows of what lies where. */
export type CatalogRows = {
  /** Tags that are there now. By `tagKey`. */
  readonly tags: ReadonlyMap<string, TagEntry>;
  /** Names of tags, as `tagKey` makes them, that were deleted. */
  readonly deletedTags: ReadonlySet<string>;
  /** By `digestKey`, also of those that were deleted. */
  readonly digests: ReadonlyMap<string, DigestEntry>;
  /** By digest. */
  readonly facts: ReadonlyMap<string, ManifestFacts>;
  /** Copies, made or under way. */
  readonly replicas: readonly ReplicaState[];
};

/** Reads the live catalog, the newest facts and the copies. */
export async function readCatalog(log: EventLog, codec: Codec, onRead?: OnRead): Promise<CatalogRows> {
  const { liveVersion } = await readProjection(log, codec, 'dedup');
  const tags = new Map<string, TagEntry>();
  const deletedTags = new Set<string>();
  const digests = new Map<string, DigestEntry>();
  for await (const { key, row } of rowsOf(log, codec, versionTopic(topics.catalog, liveVersion), onRead)) {
    if (row?.type === 'DigestEntry') digests.set(digestKey(row.data, row.data.digest), row.data);
    if (row?.type !== 'TagEntry') continue;
    if (row.data.deletedAtMs === null) tags.set(key, row.data);
    else tags.delete(key);
    if (row.data.deletedAtMs === null) deletedTags.delete(key);
    else deletedTags.add(key);
  }
  const facts = new Map<string, ManifestFacts>();
  for await (const { row } of rowsOf(log, codec, topics.imageFacts, onRead)) {
    if (row?.type === 'ImageFacts') facts.set(row.data.digest, factsOf(row.data));
  }
  return { tags, deletedTags, digests, facts, replicas: await readReplicas(log, codec, onRead) };
}

/** Copies, made or under way. */
export async function readReplicas(log: EventLog, codec: Codec, onRead?: OnRead): Promise<readonly ReplicaState[]> {
  const replicas = new Map<string, ReplicaState>();
  for await (const { key, partition, row } of rowsOf(log, codec, topics.replicaState, onRead)) {
    // A target has a row in the partition of each source that leads to it.
    if (row?.type === 'ReplicaState') replicas.set(`${partition} ${key}`, row.data);
    else replicas.delete(`${partition} ${key}`);
  }
  return [...replicas.values()];
}

function factsOf({ kind, sizeBytes, totalBytes, platforms, subject }: ImageFacts): ManifestFacts {
  return {
    sizeBytes: sizeBytes + totalBytes,
    needs: kind === 'index' ? platforms.map(({ digest }) => digest) : [],
    subject,
    isAttestation: kind === 'image' && platforms.some(({ os }) => os === 'unknown'),
  };
}
