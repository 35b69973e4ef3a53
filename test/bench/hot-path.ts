// `node test/bench/hot-path.ts`: microseconds of CPU per input record that libs/stream, the codec and the local store take, without
// a broker. The log takes what it is given and keeps nothing; everything else is what an app runs with. `--profile` adds where.
import { mkdtempSync, rmSync } from 'node:fs';
import { Session } from 'node:inspector/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { repositoryKey } from '@waybill/domain';
import { createCodec } from '@waybill/kafka';
import { openStateStore } from '@waybill/state-store';
import { encodeEvent, runTopology, type Codec, type EventLog, type GroupHandlers, type LogRecord } from '@waybill/stream';
import { renderTable } from '../../infra/local/table.ts';
import { startRegistryFixture } from '../../libs/kafka/src/schema-registry.fixture.ts';
import { occurrences, pushOf } from './input.ts';
import { profileTables } from './profile.ts';
import { benchTopology, inputTopic } from './topology.ts';

const partitionsCount = 6;

/** The input per partition, in chunks as a fetch brings them; the bytes of a chunk lie in one buffer, as in its response. */
function makeInput(codec: Codec, recordsCount: number, keysCount: number, chunkRecords: number): readonly (readonly LogRecord[][])[] {
  const lanes = Array.from({ length: partitionsCount }, (): LogRecord[][] => []);
  const offsets = lanes.map(() => 0);
  for (const occurrence of occurrences({ recordsCount, keysCount, duplicatesPercent: 1, seed: 1 })) {
    const data = pushOf(occurrence);
    const key = repositoryKey(data);
    const partition = occurrence.key % partitionsCount;
    const meta = { id: occurrence.id, source: '/bench', timeMs: 1_767_225_600_000, subject: data.repository };
    const ids = { correlationId: occurrence.id, causationId: null, traceparent: null };
    const { value, headers } = encodeEvent(
      codec,
      { topic: inputTopic, partition, key },
      { type: 'ImagePushed', data, meta: { ...meta, ...ids } },
    );
    const lane = lanes[partition]!;
    let chunk = lane.at(-1);
    if (!chunk || chunk.length >= chunkRecords) lane.push((chunk = []));
    const place = { topic: inputTopic.name, partition, offset: offsets[partition]!++, timestampMs: meta.timeMs };
    chunk.push({ ...place, key: Buffer.from(key), value, headers });
  }
  return lanes;
}

/** Takes every transaction at once. */
function nullLog(): { readonly log: EventLog; readonly joined: Promise<GroupHandlers>; written: { records: number; bytes: number } } {
  const joined = Promise.withResolvers<GroupHandlers>();
  const written = { records: 0, bytes: 0 };
  const ends = new Map<string, number>();
  const log: Partial<EventLog> = {
    partitions: partitionsCount,
    partitionOf: () => 0,
    committed: async () => new Map(),
    bounds: async () => ({ first: 0, end: 0 }),
    read: async () => undefined,
    openWriter: async (_group, partition) => ({
      close: async () => undefined,
      async commit({ records }) {
        for (const { topic, value } of records) {
          ends.set(topic, (ends.get(topic) ?? 0) + 1);
          written.bytes += value?.length ?? 0;
        }
        written.records += records.length;
        await new Promise(setImmediate);
        return new Map([...ends].map(([topic, end]) => [topic, end + partition]));
      },
    }),
    joinGroup: async ({ handlers }) => {
      await handlers.assigned([0, 1, 2, 3, 4, 5], { verify: async () => undefined });
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
const session = new Session();
if (options.profile) {
  session.connect();
  await session.post('Profiler.enable');
  await session.post('Profiler.start');
}
const [cpu, thread, startMs] = [process.cpuUsage(), process.threadCpuUsage(), performance.now()];
await Promise.all(
  lanes.map(async (chunks, partition) => {
    for (const chunk of chunks) await handlers.batch({ topic: inputTopic.name, partition }, chunk);
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
    processUs: perRecord(cpuUsed.user + cpuUsed.system),
  }),
);
if (options.profile) {
  const { profile } = await session.post('Profiler.stop');
  for (const table of profileTables(profile, recordsCount, 40)) console.log(`\n${renderTable(table)}`);
}
await running.close();
registry.close();
rmSync(stateDir, { recursive: true, force: true });
