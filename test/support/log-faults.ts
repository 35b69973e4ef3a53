// What makes the log itself hard to read: aborted transactions, compaction, records that are gone.
import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';
import { join } from 'node:path';
import { topics, type Topic } from '@waybill/domain';
import { topicConfig } from '@waybill/kafka';
import type { EventLog } from '@waybill/stream';
import { Kafka, logLevel, type Admin, type Message, type Transaction } from 'kafkajs';
import { dedup } from '../../apps/dedup/src/topology.ts';
import type { FaultCluster } from './fault-cluster.ts';
import { feedOf, push } from './feed.ts';
import { assertCatchesUp, assertOracle, forEachRecord, type Verdict } from './oracle.ts';
import type { Random } from './random.ts';
import { eventually } from './read-log.ts';
import { startWorker, untilOwning } from './worker.ts';

const kafkaOf = ({ brokers }: FaultCluster): Kafka =>
  new Kafka({ brokers: [...brokers.direct], clientId: 'disturber', logLevel: logLevel.NOTHING });

export async function withAdmin<T>(cluster: FaultCluster, use: (admin: Admin) => Promise<T>): Promise<T> {
  const admin = kafkaOf(cluster).admin();
  await admin.connect();
  try {
    return await use(admin);
  } finally {
    await admin.disconnect();
  }
}

export type Interleaved = {
  /** Offsets and ids of what was committed, in order. */
  readonly committed: readonly { readonly offset: number; readonly id: string }[];
  readonly abortedCount: number;
  readonly end: number;
};

type Interleaving = { readonly run: string; readonly random: Random; readonly rounds: number; readonly partition: number };

/**
 * Three producers whose transactions overlap in one partition of the input topic, about half of them aborted, with batches of one to
 * three pushes and, now and then, a key of four zero bytes: what a marker's key looks like.
 */
export async function interleaveTransactions(cluster: FaultCluster, options: Interleaving): Promise<Interleaved> {
  const { run, random, rounds, partition } = options;
  const kafka = kafkaOf(cluster);
  const topic = topics.imageEvents.name;
  const producers = [0, 1, 2].map((slot) =>
    kafka.producer({ transactionalId: `${run}-${slot}`, idempotent: true, maxInFlightRequests: 1 }),
  );
  await Promise.all(producers.map((producer) => producer.connect()));
  const open: (Sent | undefined)[] = [undefined, undefined, undefined];
  const committed: { offset: number; id: string }[] = [];
  let [index, abortedCount] = [0, 0];
  const send = async (slot: number): Promise<void> => {
    const sent = (open[slot] ??= { transaction: await producers[slot]!.transaction(), records: [] });
    const records = Array.from({ length: 1 + random.below(3) }, () => push(cluster, run, index++));
    const messages = records.map(({ key, value, headers }): Message => {
      return { partition, key: random.next() < 0.1 ? Buffer.alloc(4) : key, value, headers: { ...headers } };
    });
    const [answer] = await sent.transaction.send({ topic, messages, acks: -1 });
    records.forEach(({ headers }, at) => sent.records.push({ offset: Number(answer!.baseOffset) + at, id: headers['ce_id']!.toString() }));
  };
  const end = async (slot: number, isAborted: boolean): Promise<void> => {
    const { transaction, records } = open[slot]!;
    open[slot] = undefined;
    await (isAborted ? transaction.abort() : transaction.commit());
    if (isAborted) abortedCount += records.length;
    else committed.push(...records);
  };
  // What makes readers fail that take the broker's list of aborted transactions for sorted: the second to begin is the first to end.
  for (const slot of [0, 1, 2]) await send(slot);
  for (const slot of [1, 0]) await end(slot, true);
  for (let round = 0; round < rounds; round++) {
    const slot = random.below(producers.length);
    if (open[slot] !== undefined && random.next() < 0.4) await end(slot, random.next() < 0.5);
    await send(slot);
  }
  for (const slot of open.keys()) if (open[slot] !== undefined) await end(slot, random.next() < 0.5);
  await Promise.all(producers.map((producer) => producer.disconnect()));
  const bounds = await cluster.log.bounds({ topic, partition });
  return { committed: committed.toSorted((x, y) => x.offset - y.offset), abortedCount, end: bounds.end };
}
type Sent = { readonly transaction: Transaction; readonly records: { offset: number; id: string }[] };

/** Reads from every offset on: also from the middle of transactions that were aborted, and from markers. */
export async function assertReadsFromEverywhere(log: EventLog, { committed, end }: Interleaved, partition: number): Promise<void> {
  for (let from = 0; from < end; from++) {
    const read: string[] = [];
    await log.read({ topic: topics.imageEvents.name, partition }, { from, to: end }, (records) => {
      read.push(...records.map(({ offset, headers }) => `${offset} ${headers['ce_id']!.toString()}`));
    });
    const expected = committed.filter(({ offset }) => offset >= from).map(({ offset, id }) => `${offset} ${id}`);
    assert.deepEqual(read, expected, `what is read from offset ${from} on is what was committed`);
  }
}

/** Segments of a second, cleaned as soon as there is anything to clean. */
export async function compactEagerly(cluster: FaultCluster, topic: Topic): Promise<void> {
  const eager = [
    { name: 'segment.ms', value: '1000' },
    { name: 'min.cleanable.dirty.ratio', value: '0.0001' },
    { name: 'max.compaction.lag.ms', value: '1000' },
  ];
  await withAdmin(cluster, (admin) =>
    // `alterConfigs` replaces what was set: it has to be said again.
    admin.alterConfigs({
      validateOnly: false,
      resources: [{ type: 2, name: topic.name, configEntries: [...topicConfig(topic), ...eager] }],
    }),
  );
}

/** Newest value per key of all partitions, as one hash: equal for equal state, byte for byte. */
export async function stateHash({ log }: FaultCluster, topic: Topic): Promise<string> {
  const newest = new Map<string, Buffer>();
  await forEachRecord(log, topic, ({ partition, key, value }) => {
    const place = `${partition}/${key!.toString()}`;
    if (value === null) newest.delete(place);
    else newest.set(place, value);
  });
  const hash = createHash('sha256');
  for (const [place, value] of [...newest].toSorted(([a], [b]) => (a < b ? -1 : 1)))
    hash.update(`${place}\0${value.length}\0`).update(value);
  return `${newest.size} rows ${hash.digest('hex')}`;
}

/** Empty again, with the settings that the deploy step gives. */
export async function makeAnew(cluster: FaultCluster, made: readonly Topic[]): Promise<void> {
  const names = made.map(({ name }) => name);
  await withAdmin(cluster, async (admin) => {
    await admin.deleteTopics({ topics: names });
    const left = async (): Promise<readonly string[]> => (await admin.listTopics()).filter((name) => names.includes(name));
    assert.deepEqual(await eventually(left, ({ length }) => length === 0), []);
  });
  // A broker that still thinks of the old ones says for a moment that the new ones are not there.
  const isDeployed = (): Promise<boolean> => cluster.deploy().then(() => true, () => false); // prettier-ignore
  assert.ok(await eventually(isDeployed, Boolean), 'the topics are there again');
}

export type Replays = { readonly cluster: FaultCluster; readonly run: string; readonly onProgress: (line: string) => void };

/** Everything that the input topic holds, twice from the first offset into empty topics. @returns the oracle's verdict on the second */
export async function replayTwice({ cluster, run, onProgress }: Replays): Promise<Verdict> {
  const hashes: string[] = [];
  let verdict: Verdict | undefined;
  for (const group of [`${run}-1`, `${run}-2`]) {
    const startedMs = performance.now();
    await makeAnew(cluster, [topics.catalog, topics.dedupMarks, topics.images]);
    const topology = { ...dedup, group };
    const stateDir = join(cluster.dir, `state-${group}`);
    const worker = startWorker(cluster, { group, stateDir, brokers: cluster.brokers.direct, instance: group });
    await untilOwning(worker, cluster.log.partitions);
    await assertCatchesUp(cluster.log, topology, 900_000);
    assert.equal(await worker.stop(), 0);
    hashes.push(await stateHash(cluster, topics.catalog));
    verdict = await assertOracle(cluster, { topology, stateDir });
    onProgress(`${group}: ${verdict.inputsCount} inputs, ${hashes.at(-1)}, ${((performance.now() - startedMs) / 1_000).toFixed(0)} s`);
  }
  assert.equal(hashes[1], hashes[0], 'the state of both replays is the same, byte for byte');
  return verdict!;
}

/**
 * Removes records that a group has not read yet, and starts its worker. Spoils the input topic for every later oracle.
 * @throws AssertionError unless the worker refuses to go on, twice, and no offset moves
 */
export async function expireUnread(
  cluster: FaultCluster,
  group: string,
  random: Random,
): Promise<{ expiredCount: number; message: string }> {
  const { log } = cluster;
  const topology = { ...dedup, group };
  const options = { group, stateDir: join(cluster.dir, `state-${group}`), instance: group };
  const feed = feedOf(cluster, group, random);
  const first = startWorker(cluster, options);
  await feed.next(200);
  await untilOwning(first, log.partitions);
  await assertCatchesUp(log, topology, 600_000);
  assert.equal(await first.stop(), 0);
  await feed.next(200);
  const { name: topic } = topics.imageEvents;
  const stands = new Map<number, number>();
  const partitions: { partition: number; offset: string }[] = [];
  let expiredCount = 0;
  for (let partition = 0; partition < log.partitions; partition++) {
    const committed = (await log.committed(group, [topic], partition)).get(topic)!;
    const { end } = await log.bounds({ topic, partition });
    stands.set(partition, committed);
    expiredCount += end - committed;
    partitions.push({ partition, offset: String(end) });
  }
  await withAdmin(cluster, async (admin) => {
    await admin.fetchTopicOffsets(topic); // kafkajs looks leaders up for this one, and remembers them for the next.
    await admin.deleteTopicRecords({ topic, partitions });
  });
  let message = '';
  for (let life = 0; life < 2; life++) {
    const worker = startWorker(cluster, options);
    assert.equal(await worker.exited, 1, 'the process ends');
    const crash = worker.reports.find(({ kind }) => kind === 'crashed');
    assert.ok(crash?.kind === 'crashed' && crash.code === 'OFFSET_EXPIRED', `it says why: ${JSON.stringify(worker.reports)}`);
    message = crash.message;
  }
  for (const [partition, committed] of stands)
    assert.equal((await log.committed(group, [topic], partition)).get(topic), committed, 'no offset moves');
  return { expiredCount, message };
}
