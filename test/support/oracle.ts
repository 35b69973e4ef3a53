// The end of every fault test: what must hold of the log and of the local state, whatever was broken before.
import assert from 'node:assert/strict';
import { join } from 'node:path';
import { type Event, type MarkBatch, type RecordType, type Topic, type TypedRecord } from '@waybill/domain';
import { openStateStore } from '@waybill/state-store';
import { decodeEvent, type Context, type EventLog, type Input, type LogRecord, type TopicPartition, type Topology } from '@waybill/stream';
import { execa } from 'execa';
import { audit } from '../../apps/audit/src/topology.ts';
import { repositoryRoot } from '../../infra/local/paths.ts';
import type { FaultCluster } from './fault-cluster.ts';
import { eventually } from './read-log.ts';
import { startWorker, untilOwning } from './worker.ts';

/** What a topology makes of its inputs when nothing ever goes wrong. Rows per partition: key to bytes, by store. */
type Fold = {
  readonly rows: readonly ReadonlyMap<string, ReadonlyMap<string, string>>[];
  /** Per partition and name. */
  readonly marks: readonly ReadonlyMap<string, ReadonlySet<string>>[];
  /** Ids of emitted events in order, by topic and key. */
  readonly emitted: ReadonlyMap<string, ReadonlyMap<string, readonly string[]>>;
  readonly inputsCount: number;
  /** Next offset per partition after the last input. */
  readonly ends: readonly number[];
};

export type Oracle = {
  readonly topology: Topology;
  /** Where the last worker, the only one at the end, kept its state. */
  readonly stateDir: string;
  /** A read-committed reader that ran all the time. */
  readonly reader?: CommittedReader;
};
export type Verdict = { readonly inputsCount: number; readonly outputsCount: number; readonly rowsCount: number };

/**
 * Folds the input topic with the topology's own pure function and compares: rows with the state topic and the local store, byte for
 * byte; outputs in number, identity and order per key; committed offsets; and what a reader saw while it happened with the final log.
 *
 * For topologies with one input that emit the event that they were given.
 * @throws AssertionError naming the first differences
 */
export async function assertOracle(cluster: FaultCluster, { topology, stateDir, reader }: Oracle): Promise<Verdict> {
  const fold = await foldOf(cluster, topology);
  const outputsCount = await assertOutputs(cluster.log, topology, fold);
  for (let partition = 0; partition < cluster.log.partitions; partition++) {
    await assertOffsets(cluster.log, topology, partition, fold.ends[partition]!);
    await assertState(cluster, topology, { partition, stateDir, fold });
  }
  await reader?.assertSawAll();
  const rowsCount = fold.rows.reduce((sum, stores) => sum + stores.values().reduce((rows, store) => rows + store.size, 0), 0);
  return { inputsCount: fold.inputsCount, outputsCount, rowsCount };
}

async function foldOf({ log, codec }: FaultCluster, topology: Topology): Promise<Fold> {
  const [input] = topology.inputs as readonly [Topic];
  const folding = Array.from({ length: log.partitions }, () => new PartitionFold(topology));
  const emitted = new Map<string, Map<string, string[]>>();
  let inputsCount = 0;
  await forEachRecord(log, input, async (record) => {
    inputsCount += 1;
    const event = await decodeEvent(codec, record).catch(() => undefined);
    const partition = folding[record.partition]!;
    partition.end = record.offset + 1;
    const forwarded = event && partition.take({ kind: 'event', event, record, atMs: record.timestampMs });
    for (const { topic, key, id } of forwarded ?? []) {
      const keys = getOr(emitted, topic, () => new Map<string, string[]>());
      getOr(keys, key, () => []).push(id);
    }
  });
  const bytesOf = (rows: ReadonlyMap<string, TypedRecord>): ReadonlyMap<string, string> =>
    new Map([...rows].map(([key, row]) => [key, codec.encode(row).toString('base64')]));
  return {
    rows: folding.map(({ rows }) => new Map([...rows].map(([store, entries]) => [store, bytesOf(entries)]))),
    marks: folding.map(({ marks }) => marks),
    ...{ emitted, inputsCount },
    ends: folding.map(({ end }) => end),
  };
}

class PartitionFold {
  readonly rows = new Map<string, Map<string, TypedRecord>>();
  readonly marks = new Map<string, Set<string>>();
  end = 0;
  readonly #topology: Topology;
  readonly #context: Context;

  constructor(topology: Topology) {
    this.#topology = topology;
    const get = (store: string, key: string, type: RecordType): unknown => {
      const row = this.rows.get(store)?.get(key);
      return row?.type === type ? row.data : undefined;
    };
    this.#context = {
      get: get as Context['get'],
      keys: () => [],
      isMarked: (name, id) => this.marks.get(name)?.has(id) ?? false,
      table: () => [],
    };
  }

  /** @returns what is emitted, or `undefined` when the stage refuses the input */
  take(input: Input): readonly { readonly topic: string; readonly key: string; readonly id: string }[] | undefined {
    let step;
    try {
      step = this.#topology.handle(input, this.#context);
    } catch {
      return undefined;
    }
    for (const { store, key, row } of step.put ?? []) {
      const rows = getOr(this.rows, store, () => new Map<string, TypedRecord>());
      if (row === null) rows.delete(key);
      else rows.set(key, row);
    }
    for (const { marks, id } of step.mark ?? []) getOr(this.marks, marks, () => new Set<string>()).add(id);
    return (step.emit ?? []).map((emit) => {
      assert.ok('forward' in emit, 'the oracle knows the ids of forwarded events alone');
      const forward: Event = emit.forward;
      return { topic: emit.topic.name, key: emit.key, id: forward.meta.id };
    });
  }
}

/** Unique, none lost, none more, in order per key. */
async function assertOutputs(log: EventLog, topology: Topology, fold: Fold): Promise<number> {
  let count = 0;
  for (const topic of topology.outputs) {
    const actual = new Map<string, string[]>();
    await forEachRecord(log, topic, (record) => {
      count += 1;
      getOr(actual, record.key!.toString(), () => []).push(idOf(record));
    });
    const expected = fold.emitted.get(topic.name) ?? new Map<string, readonly string[]>();
    for (const key of new Set([...actual.keys(), ...expected.keys()])) {
      const ids = actual.get(key) ?? [];
      assert.equal(new Set(ids).size, ids.length, `${topic.name} holds an event of ${key} twice`);
      assert.deepEqual(ids, expected.get(key) ?? [], `${topic.name}: the events of ${key} are those of the fold, in its order`);
    }
  }
  return count;
}

async function assertOffsets(log: EventLog, { group, inputs }: Topology, partition: number, end: number): Promise<void> {
  const [{ name }] = inputs as readonly [Topic];
  const committed = (await log.committed(group, [name], partition)).get(name) ?? 0;
  const bounds = await log.bounds({ topic: name, partition });
  assert.ok(committed >= end, `${group} has committed ${committed} of ${name}/${partition}, whose last record ends at ${end}`);
  assert.ok(committed <= bounds.end, `${group} has committed ${committed} of ${name}/${partition}, which ends at ${bounds.end}`);
}

type Place = { readonly partition: number; readonly stateDir: string; readonly fold: Fold };

/** Fold = state topic = local store, for rows and marks. */
async function assertState({ log, codec }: FaultCluster, topology: Topology, { partition, stateDir, fold }: Place): Promise<void> {
  const store = await openStateStore(join(stateDir, `${topology.group}-${partition}`));
  try {
    const held = { '@held': topology.held }; // Empty in the end: what was parked has been dropped.
    for (const [name, topic] of Object.entries({ ...topology.stores, ...held })) {
      const expected = fold.rows[partition]!.get(name) ?? new Map<string, string>();
      const newest = new Map<string, string>();
      const put = ({ key, value }: LogRecord): void => {
        if (value === null) newest.delete(key!.toString());
        else newest.set(key!.toString(), value.toString('base64'));
      };
      await forEachRecord(log, topic, put, partition);
      assertSame(newest, expected, `${topic.name}/${partition} is the fold of the inputs`);
      const local = new Map([...store.entries(name)].map(([key, value]) => [key, value.toString('base64')]));
      assertSame(local, expected, `${stateDir}: the local ${name} of partition ${partition} is the fold of the inputs`);
    }
    for (const [name, { topic }] of Object.entries(topology.marks ?? {})) {
      const expected = new Map([...(fold.marks[partition]!.get(name) ?? [])].map((id) => [id, '']));
      const newest = new Map<string, string>();
      const add = async ({ value }: LogRecord): Promise<void> => {
        for (const id of ((await codec.decode(value!)).data as MarkBatch).ids) newest.set(id, '');
      };
      await forEachRecord(log, topic, add, partition);
      assertSame(newest, expected, `${topic.name}/${partition} holds a mark for each occurrence`);
      const local = new Map([...store.entries(`#${name}`)].map(([id]) => [id, '']));
      assertSame(local, expected, `${stateDir}: the local marks ${name} of partition ${partition} are the fold of the inputs`);
    }
  } finally {
    await store.close();
  }
}

function assertSame(actual: ReadonlyMap<string, string>, expected: ReadonlyMap<string, string>, what: string): void {
  const different = [...new Set([...actual.keys(), ...expected.keys()])].filter((key) => actual.get(key) !== expected.get(key));
  const sample = different.slice(0, 3).map((key) => ({ key, actual: actual.get(key), expected: expected.get(key) }));
  assert.deepEqual(sample, [], `${what}, but for ${different.length} of ${expected.size}`);
}

/** Not all at once: there may be a million. */
export async function forEachRecord(
  log: EventLog,
  topic: Topic,
  take: (record: LogRecord) => Promise<void> | void,
  partition?: number,
): Promise<void> {
  const partitions = partition === undefined ? Array.from({ length: log.partitions }, (_, index) => index) : [partition];
  for (const number of partitions) {
    const place = { topic: topic.name, partition: number };
    const { first, end } = await log.bounds(place);
    await log.read(place, { from: first, to: end }, async (records) => {
      for (const record of records) await take(record);
    });
  }
}

export type CommittedReader = {
  /** @throws AssertionError when it has seen other records than lie in the log now, or in another order */
  assertSawAll(): Promise<void>;
  close(): Promise<void>;
};

/** Follows a topology's outputs while it is being broken. A record that is taken back later, or comes twice, would show here alone. */
export function startReader({ log }: FaultCluster, topology: Topology): CommittedReader {
  const seen = new Map<string, string[]>();
  const closing = new AbortController();
  const following = log.follow({
    topics: topology.outputs.map(({ name }) => name),
    from: () => undefined,
    signal: closing.signal,
    onRecords: ({ topic, partition }, records) => {
      getOr(seen, `${topic}/${partition}`, () => []).push(...records.map((record) => `${record.offset} ${idOf(record)}`));
    },
  });
  following.catch(() => undefined); // Looked at when it is closed.
  return {
    async assertSawAll() {
      for (const topic of topology.outputs) {
        for (let partition = 0; partition < log.partitions; partition++) {
          const there: string[] = [];
          await forEachRecord(log, topic, (record) => void there.push(`${record.offset} ${idOf(record)}`), partition);
          const place = `${topic.name}/${partition}`;
          const saw = await eventually(async () => seen.get(place) ?? [], ({ length }) => length >= there.length); // prettier-ignore
          assert.deepEqual(saw, there, `a reader of ${place} saw what is there`);
        }
      }
    },
    async close() {
      closing.abort();
      await following;
    },
  };
}

/** The proof by the command line, which shares no code with the app but the chain itself. @throws AssertionError */
async function assertAuditVerifies({ brokers, registryUrl }: FaultCluster): Promise<void> {
  const env = { KAFKA_BROKERS: brokers.direct.join(','), SCHEMA_REGISTRY_URL: registryUrl };
  const cli = ['apps/cli/src/main.ts', 'audit', 'verify', '--output', 'json'];
  const result = await execa(process.execPath, cli, { cwd: repositoryRoot, env, reject: false });
  assert.equal(result.exitCode, 0, result.stdout + result.stderr);
  const { partitions } = JSON.parse(result.stdout) as { partitions: readonly { recordsPending: number }[] };
  assert.deepEqual([...new Set(partitions.map(({ recordsPending }) => recordsPending))], [0], 'every record is chained');
}

/** Lets the audit chain everything that is there, and has it proven. */
export async function checkAudit(cluster: FaultCluster): Promise<void> {
  const worker = startWorker(cluster, { app: 'audit', stateDir: join(cluster.dir, 'state-audit'), instance: 'audit' });
  await untilOwning(worker, cluster.log.partitions);
  await assertCatchesUp(cluster.log, audit, 300_000);
  assert.equal(await worker.stop(), 0, 'the audit ends in order');
  await assertAuditVerifies(cluster);
}

/** Waits until a group has committed everything that its inputs hold. @throws AssertionError */
export async function assertCatchesUp(log: EventLog, { group, inputs }: Topology, timeoutMs = 120_000): Promise<void> {
  const names = inputs.map(({ name }) => name);
  const ends = new Map<string, number>();
  for (const topic of inputs)
    for (let partition = 0; partition < log.partitions; partition++)
      ends.set(`${topic.name}/${partition}`, await endOfRecords(log, { topic: topic.name, partition }));
  const behind = async (): Promise<readonly string[]> => {
    const late: string[] = [];
    for (let partition = 0; partition < log.partitions; partition++) {
      const committed = await log.committed(group, names, partition);
      for (const name of names) {
        const [stands, end] = [committed.get(name) ?? 0, ends.get(`${name}/${partition}`) ?? 0];
        if (stands < end) late.push(`${name}/${partition} stands at ${stands} of ${end}`);
      }
    }
    return late;
  };
  assert.deepEqual(await eventually(behind, ({ length }) => length === 0, timeoutMs), [], `${group} catches up in ${timeoutMs} ms`);
}

/** After the last record: control records and aborted ones behind it are never committed by anybody. */
async function endOfRecords(log: EventLog, place: TopicPartition): Promise<number> {
  const { first, end } = await log.bounds(place);
  for (let from = end; from > first;) {
    from = Math.max(first, from - 1_000);
    let last = -1;
    await log.read(place, { from, to: end }, (records) => void (last = records.at(-1)?.offset ?? last));
    if (last >= 0) return last + 1;
  }
  return 0;
}

const idOf = ({ headers }: LogRecord): string => headers['ce_id']?.toString() ?? '';

function getOr<K, V>(map: Map<K, V>, key: K, make: () => V): V {
  const known = map.get(key) ?? make();
  map.set(key, known);
  return known;
}
