// `node test/bench/hot-path.ts`: microseconds of CPU per input record that libs/stream, the codec and the local store take, without
// a broker. The log takes what it is given and keeps nothing; everything else is what an app runs with. `--profile` adds where.
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { repositoryKey } from '@waybill/domain';
import { createCodec } from '@waybill/kafka';
import { openStateStore } from '@waybill/state-store';
import {
  encodeEvent,
  partitionOfKey,
  runTopology,
  type Codec,
  type EventLog,
  type GroupHandlers,
  type LogRecord,
  type NewRecord,
} from '@waybill/stream';
import { renderTable } from '../../infra/local/table.ts';
import { encodeBatch, storedBatch } from '../../libs/kafka/src/record-batch.fixture.ts';
import { committedRecords } from '../../libs/kafka/src/record-batch-decoder.ts';
import { startRegistryFixture } from '../../libs/kafka/src/schema-registry.fixture.ts';
import { occurrences, pushOf } from './input.ts';
import { profileTables, startProfile } from './profile.ts';
import { benchTopology, inputTopic } from './topology.ts';

const partitionsCount = 6;

type Lane = { readonly chunks: Buffer[]; offset: number };

/** The input per partition, in batches as a broker would answer with. */
function makeInput(codec: Codec, recordsCount: number, keysCount: number, chunkRecords: number): readonly Lane[] {
  const lanes = Array.from({ length: partitionsCount }, () => ({ chunks: [] as Buffer[], offset: 0, records: [] as NewRecord[] }));
  const store = (lane: (typeof lanes)[number]): void => {
    if (lane.records.length === 0) return;
    lane.chunks.push(storedBatch(lane.records, { baseOffset: lane.offset }));
    lane.offset += lane.records.length;
    lane.records = [];
  };
  for (const occurrence of occurrences({ recordsCount, keysCount, duplicatesPercent: 1, seed: 1 })) {
    const data = pushOf(occurrence);
    const key = repositoryKey(data);
    const partition = occurrence.key % partitionsCount;
    const meta = { id: occurrence.id, source: '/bench', timeMs: 1_767_225_600_000, subject: data.repository };
    const ids = { correlationId: occurrence.id, causationId: null, traceparent: null };
    const event = { type: 'ImagePushed' as const, data, meta: { ...meta, ...ids } };
    const lane = lanes[partition]!;
    lane.records.push(encodeEvent(codec, { topic: inputTopic, partition, key }, event));
    if (lane.records.length >= chunkRecords) store(lane);
  }
  lanes.forEach(store);
  return lanes;
}

/** CPU of this thread in what a network client does with bytes: kept apart, because it is not the runtime's. */
const wire = { us: 0 };
function onWire<T>(work: () => T): T {
  const before = process.threadCpuUsage();
  const result = work();
  const { user, system } = process.threadCpuUsage(before);
  wire.us += user + system;
  return result;
}

const decode = (partition: number, bytes: Buffer): readonly LogRecord[] => {
  const fetched = { partition, highWatermark: 2 ** 52, lastStableOffset: 2 ** 52, abortedTransactions: [], bytes };
  return committedRecords({ topic: inputTopic.name, partition }, 0, fetched).records;
};

/** Takes every transaction at once, and encodes it as for a broker. */
function nullLog(): { readonly log: EventLog; readonly joined: Promise<GroupHandlers>; written: { records: number; bytes: number } } {
  const joined = Promise.withResolvers<GroupHandlers>();
  const written = { records: 0, bytes: 0 };
  const ends = new Map<string, number>();
  const log: Partial<EventLog> = {
    partitions: partitionsCount,
    partitionOf: (key) => partitionOfKey(key, partitionsCount),
    committed: async () => new Map(),
    bounds: async () => ({ first: 0, end: 0 }),
    read: async () => undefined,
    openWriter: async (_group, partition) => ({
      close: async () => undefined,
      async commit({ records }) {
        for (const [topic, group] of Map.groupBy(records, (record) => record.topic)) {
          ends.set(topic, (ends.get(topic) ?? 0) + group.length);
          written.bytes += onWire(() => encodeBatch(group)).length;
        }
        written.records += records.length;
        await new Promise(setImmediate);
        return new Map([...ends].map(([topic, end]) => [topic, end + partition]));
      },
    }),
    joinGroup: async ({ handlers }) => {
      await handlers.assigned(
        Array.from({ length: partitionsCount }, (_, partition) => partition),
        { verify: async () => undefined },
      );
      joined.resolve(handlers);
      return { close: async () => undefined };
    },
  };
  return { log: log as EventLog, joined: joined.promise, written };
}

const { values: options } = parseArgs({
  options: {
    records: { type: 'string', default: '300000' },
    keys: { type: 'string', default: '60000' },
    chunk: { type: 'string', default: '2000' },
    profile: { type: 'boolean', default: false },
  },
});
const recordsCount = Number(options.records);
const registry = await startRegistryFixture();
const codec = await createCodec({ registryUrl: registry.url });
const lanes = makeInput(codec, recordsCount, Number(options.keys), Number(options.chunk));
const stateDir = mkdtempSync(join(tmpdir(), 'waybill-hot-path-'));
const { log, joined, written } = nullLog();
const running = await runTopology({
  ...{ topology: benchTopology('hot-path'), log, codec, instance: '0', sessionTimeoutMs: 6_000 },
  openStore: async (group, partition) => openStateStore(join(stateDir, `${group}-${partition}`)),
  onCrash: (error) => {
    throw error;
  },
});
const handlers = await joined;
const endProfile = options.profile ? await startProfile() : undefined;
const [cpu, thread, startMs] = [process.cpuUsage(), process.threadCpuUsage(), performance.now()];
await Promise.all(
  lanes.map(async ({ chunks }, partition) => {
    for (const chunk of chunks)
      await handlers.batch(
        { topic: inputTopic.name, partition },
        onWire(() => decode(partition, chunk)),
      );
  }),
);
const [wallMs, cpuUsed, threadUsed] = [performance.now() - startMs, process.cpuUsage(cpu), process.threadCpuUsage(thread)];
const perRecord = (us: number): number => Number((us / recordsCount).toFixed(2));
console.log(
  JSON.stringify({
    records: recordsCount,
    written: written.records,
    writtenBytes: written.bytes,
    wallUs: perRecord(wallMs * 1_000),
    mainThreadUs: perRecord(threadUsed.user + threadUsed.system),
    wireUs: perRecord(wire.us),
    processUs: perRecord(cpuUsed.user + cpuUsed.system),
  }),
);
if (endProfile) for (const table of profileTables(await endProfile(), recordsCount, 40)) console.log(`\n${renderTable(table)}`);
await running.close();
registry.close();
rmSync(stateDir, { recursive: true, force: true });
