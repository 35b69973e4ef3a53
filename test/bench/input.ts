import { repositoryKey, type ImagePushed, type Topic } from '@waybill/domain';
import { unsaid } from '@waybill/domain/testing';
import { encodeEvent, type NewRecord } from '@waybill/stream';
import type { Cluster } from './cluster.ts';
import { createRandom } from './random.ts';

export type InputOptions = {
  readonly recordsCount: number;
  readonly keysCount: number;
  /** Of a hundred records so many repeat an earlier one, id and all. */
  readonly duplicatesPercent: number;
  readonly seed: number;
};
export type Input = InputOptions & { readonly topic: Topic; readonly uniqueCount: number; readonly keysUsedCount: number };

export const valueBytes = 400;
const hour = 3_600_000;
const startMs = Date.UTC(2026, 0, 1);
/** How far back a repeat reaches: webhooks come again within minutes. */
const repeatsWindow = 10_000;

/** Occurrence `index` of a seed: which key, and an id that looks like ours. */
export type Occurrence = { readonly index: number; readonly key: number; readonly id: string };

/** The first records name every key once; the later ones draw at random. */
export function* occurrences({ recordsCount, keysCount, duplicatesPercent, seed }: InputOptions): Generator<Occurrence, undefined> {
  const random = createRandom(seed);
  const recent: Occurrence[] = [];
  let originals = 0;
  for (let index = 0; index < recordsCount; index++) {
    if (recent.length > 0 && random() % 100 < duplicatesPercent) {
      yield recent[random() % recent.length]!;
      continue;
    }
    const hex = Array.from({ length: 4 }, () => random().toString(16).padStart(8, '0')).join('');
    const id = `${hex.slice(0, 8)}-${hex.slice(8, 12)}-8${hex.slice(13, 16)}-8${hex.slice(17, 20)}-${hex.slice(20)}`;
    const occurrence = { index, key: index < keysCount ? index : random() % keysCount, id };
    recent[originals++ % repeatsWindow] = occurrence;
    yield occurrence;
  }
}

/** A push whose Avro value is `valueBytes` long; the padding does not compress. */
export function pushOf({ index, key }: Occurrence): ImagePushed {
  const random = createRandom(index);
  const hex = (length: number): string => {
    let text = '';
    while (text.length < length) text += random().toString(16).padStart(8, '0');
    return text.slice(0, length);
  };
  const fixed = {
    ...{ registry: `registry-${key % 50}.example`, repository: `team-${key % 997}/repository-${key}`, tags: ['v1'] },
    ...{ ...unsaid, digest: `sha256:${hex(64)}`, mediaType: 'application/vnd.oci.image.manifest.v1+json', sizeBytes: 1_024 },
    ...{ occurredAtMs: startMs + index, receivedAtMs: startMs + index, source: 'distribution', endpoint: 'bench' },
  };
  return { ...fixed, actor: hex(valueBytes - 189 - fixed.registry.length - fixed.repository.length) };
}

/** Appends the input. The same seed makes the same keys, ids and values. */
export async function appendInput(cluster: Cluster, topic: Topic, options: InputOptions): Promise<Input> {
  const appender = await cluster.openAppender();
  let batch: NewRecord[] = [];
  const ids = new Set<number>();
  const keys = new Set<number>();
  for (const occurrence of occurrences(options)) {
    ids.add(occurrence.index);
    keys.add(occurrence.key);
    batch.push(recordOf(cluster, topic, occurrence));
    if (batch.length < 5_000) continue;
    await appender.append(batch);
    batch = [];
  }
  if (batch.length > 0) await appender.append(batch);
  await appender.close();
  return { ...options, topic, uniqueCount: ids.size, keysUsedCount: keys.size };
}

export function recordOf({ codec, log }: Cluster, topic: Topic, occurrence: Occurrence): NewRecord {
  const data = pushOf(occurrence);
  const key = repositoryKey(data);
  const { id, index } = occurrence;
  const subject = data.repository;
  const meta = { id, source: '/bench', timeMs: startMs + (index % hour), subject, correlationId: id, causationId: null, traceparent: null };
  const record = encodeEvent(codec, { topic, partition: log.partitionOf(key), key }, { type: 'ImagePushed', data, meta });
  if (record.value?.length !== valueBytes) throw new Error(`a value has ${record.value?.length} bytes instead of ${valueBytes}`);
  return record;
}
