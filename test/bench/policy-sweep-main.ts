// policy-sweep-main.ts <tags> <policies> <commit ms>: what a change of policies and a full hour cost `apps/policy` with so many tags, in a
// process of its own. Prints a line of JSON.
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { monitorEventLoopDelay } from 'node:perf_hooks';
import { repositoryKey, topics, type Event, type TypedRecord } from '@waybill/domain';
import { unsaid } from '@waybill/domain/testing';
import { createCodec } from '@waybill/kafka';
import { openStateStore } from '@waybill/state-store';
import { encodeEvent, partitionOfKey, runTopology, systemClock, type Draft, type NewRecord } from '@waybill/stream';
import { createPolicy } from '../../apps/policy/src/topology.ts';
import { startRegistryFixture } from '../../libs/kafka/src/schema-registry.fixture.ts';
import { loopedLog } from './looped-log.ts';
import { beginMs, dueMs, fillStores, partitions, publishedOf, specsOf, tagAt, teamSpec } from './policy-sweep-state.ts';
import { createRandom } from './random.ts';

const [tagsCount, policiesCount, commitMs] = process.argv.slice(2).map(Number) as [number, number, number];
const pushesPerSecond = 50;

const registry = await startRegistryFixture();
const codec = await createCodec({ registryUrl: registry.url });
const dir = mkdtempSync(join(tmpdir(), 'waybill-bench-sweep-'));
const specs = specsOf(policiesCount);
const startedMs = performance.now();
let setForwardMs = 0;
const nowMs = (): number => Math.floor(beginMs + performance.now() - startedMs + setForwardMs);
let eventsCount = 0;
const recordOf = (topic: typeof topics.images, key: string, record: TypedRecord): NewRecord => {
  eventsCount += 1;
  const ids = { id: `bench-${eventsCount}`, correlationId: `bench-${eventsCount}`, causationId: null, traceparent: null };
  const event = { ...record, meta: { ...ids, source: '/bench', timeMs: nowMs(), subject: key } } as Event;
  return { ...encodeEvent(codec, { topic, partition: partitionOfKey(key, partitions), key }, event), timestampMs: nowMs() };
};
const publication = (id: string, spec: object): NewRecord => recordOf(topics.policies, id, publishedOf(id, spec));
const memory = () => {
  const status = readFileSync('/proc/self/status', 'utf8');
  const anonMib = Math.round(Number(/^RssAnon:\s+(\d+) kB/m.exec(status)?.[1]) / 1_024);
  return { anonMib, heapMib: Math.round(process.memoryUsage().heapUsed / 2 ** 20) };
};
const seconds = (fromMs: number): number => Math.round(performance.now() - fromMs) / 1_000;

await fillStores(dir, codec, tagsCount, specs);
const filledMs = performance.now();
globalThis.gc!();
const before = memory();

const published = [...specs].map(([id, spec]) => publication(id, spec));
const looped = loopedLog({ partitions, looped: [topics.reviewRequests.name], published, commitMs, nowMs });
const isAtEnd = (value: Buffer | null): boolean => {
  const row = value && codec.decodeSync(value);
  return row?.type === 'PolicySweep' && row.data.after === null;
};
const swept = new Set<number>();
let longestMs = 0;
const running = await runTopology({
  ...{ topology: createPolicy(), log: looped.log, codec, instance: '0', sessionTimeoutMs: 6_000 },
  clock: { ...systemClock, now: nowMs },
  openStore: async (_group, partition) => openStateStore(join(dir, String(partition))),
  observer: {
    committed(draft: Draft, durationMs: number) {
      longestMs = Math.max(longestMs, durationMs);
      for (const { key, partition, value } of draft.records) if (key === '@sweep' && isAtEnd(value)) swept.add(partition);
    },
    fault: (error) => console.error(error),
  },
  onCrash: (error) => {
    throw error;
  },
});
await looped.joined;
const opened = { seconds: seconds(filledMs), ...memory(), timers: running.jobs().waiting };

const random = createRandom(9);
function anyPush(): NewRecord {
  const { registry: host, repository } = tagAt(random() % tagsCount);
  const image = { registry: host, repository };
  const digest = `sha256:${random().toString(16).padStart(64, 'f')}`;
  const data = { ...image, ...unsaid, tags: [`live-${random() % 10}`], digest, occurredAtMs: null, receivedAtMs: nowMs() };
  const pushed = { type: 'ImagePushed' as const, data: { ...data, source: 'distribution', endpoint: 'distribution' } };
  return recordOf(topics.images, repositoryKey(image), pushed);
}

/**
 * Pushes at a steady rate, whatever becomes of those before. Each waits from when it was due, also where nobody had time to send it.
 * @returns what ends it, with what they have waited
 */
function pushOn() {
  const latenciesMs: number[] = [];
  const sent: Promise<void>[] = [];
  const beganMs = performance.now();
  const timer = setInterval(() => {
    const dueCount = Math.floor(((performance.now() - beganMs) / 1_000) * pushesPerSecond);
    while (sent.length < dueCount) {
      const dueAtMs = beganMs + ((sent.length + 1) / pushesPerSecond) * 1_000;
      sent.push(looped.deliver(anyPush()).then(() => void latenciesMs.push(performance.now() - dueAtMs)));
    }
  }, 1_000 / pushesPerSecond);
  return async () => {
    clearInterval(timer);
    await Promise.all(sent);
    latenciesMs.sort((a, b) => a - b);
    const at = (share: number): number => Math.round(latenciesMs[Math.floor((latenciesMs.length - 1) * share)] ?? 0);
    return { pushes: latenciesMs.length, p50Ms: at(0.5), p99Ms: at(0.99), maxMs: at(1) };
  };
}

const until = async (isDone: () => boolean): Promise<void> => {
  while (!isDone()) await new Promise((resolve) => setTimeout(resolve, 20));
};

/** Does something, and measures until all that follows is committed. */
async function phase(begin: () => Promise<void> | void, isDone: () => boolean) {
  const requestedBefore = looped.writtenCount(topics.reviewRequests.name);
  const decidedBefore = looped.writtenCount(topics.decisions.name);
  longestMs = 0;
  const delay = monitorEventLoopDelay({ resolution: 5 });
  const endPushes = pushOn();
  const cpu = process.threadCpuUsage();
  const beganMs = performance.now();
  delay.enable();
  await begin();
  await until(isDone);
  const sweptSeconds = seconds(beganMs);
  await until(() => looped.waitingCount() < 100);
  const took = seconds(beganMs);
  delay.disable();
  const { user, system } = process.threadCpuUsage(cpu);
  const requested = looped.writtenCount(topics.reviewRequests.name) - requestedBefore;
  const decided = looped.writtenCount(topics.decisions.name) - decidedBefore;
  const loop = { loopP99Ms: Math.round(delay.percentile(99) / 1e6), loopMaxMs: Math.round(delay.max / 1e6) };
  const threadSeconds = Math.round((user + system) / 1e4) / 100;
  return { sweptSeconds, seconds: took, threadSeconds, requested, decided, longestMs, ...loop, live: await endPushes(), ...memory() };
}

const sweepAfter = (records: () => readonly NewRecord[]) =>
  phase(
    async () => {
      swept.clear();
      await looped.publish(records());
    },
    () => swept.size === partitions,
  );
const told = <T>(what: string, figures: T): T => {
  console.error(`${what}: ${JSON.stringify(figures)}`);
  return figures;
};
told('opened', opened);
const quiet = await phase(
  () => new Promise((resolve) => setTimeout(resolve, 3_000)),
  () => true,
);
const none = told('none', await sweepAfter(() => [publication('none', { ...teamSpec(0), match: { repositories: ['nobody/**'] } })]));
const onePercent = told('1 %', await sweepAfter(() => [publication('p7', teamSpec(7, 'c'))]));
const all = told('all', await sweepAfter(() => [publication('all', { priority: 10, match: {}, replicate: [{ registry: 'd' }] })]));
let dueFrom = 0;
const due = await phase(
  () => {
    dueFrom = looped.writtenCount(topics.reviewRequests.name);
    setForwardMs = dueMs - nowMs() + setForwardMs;
  },
  () => looped.writtenCount(topics.reviewRequests.name) - dueFrom >= tagsCount,
);
const figures = {
  tagsCount,
  policiesCount,
  commitMs,
  fillSeconds: Math.round(filledMs - startedMs) / 1_000,
  before,
  opened,
  quiet,
  none,
  onePercent,
  all,
  due,
};
export type SweepFigures = typeof figures;
console.log(JSON.stringify(figures));
await running.close();
registry.close();
rmSync(dir, { recursive: true, force: true });
