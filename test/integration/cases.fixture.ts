// Inspector, policy, replicator and usage behind one another, with real requests to registries that fail as a test asks; without a broker.
import { repositoryKey, topics, type Event, type EventOf, type RecordType, type Topic } from '@waybill/domain';
import { unsaid } from '@waybill/domain/testing';
import { createCopier, createRegistryClients, findManifestDigest, OciError, type Registry, type RegistryClients } from '@waybill/oci';
import { JobError, type JobRow, type Topology } from '@waybill/stream';
import { topologyDriver, type TopologyDriver } from '@waybill/stream/testing';
import { pushImage, randomImage, startFakeRegistry, type FakeRegistry } from '@waybill/testing';
import { createInspect } from '../../apps/inspector/src/inspect.ts';
import { inspector } from '../../apps/inspector/src/topology.ts';
import { createPolicy } from '../../apps/policy/src/topology.ts';
import { createCopy } from '../../apps/replicator/src/copy.ts';
import { replicator } from '../../apps/replicator/src/topology.ts';
import { usage } from '../../apps/usage/src/topology.ts';

export const nowMs = Date.UTC(2026, 0, 10);
const limits = { timeoutMs: 5_000, concurrencyMax: 1, attemptsMax: 2 };
/** Long enough for a busy machine, and for what a registry never answers. */
const patience = { answerMs: 500, idleMs: 500, triesMax: 2, repeatMsMax: 500 };

/** Documents as their authors wrote them, by id. */
export type Documents = Readonly<Record<string, string>>;

export type Stand = {
  readonly a: FakeRegistry;
  readonly b: FakeRegistry;
  readonly c: FakeRegistry;
  readonly policy: TopologyDriver;
  publish(documents: Documents): void;
  /** Pushes a new image to registry a; `digest` is its own. */
  push(tag?: string): Promise<string>;
  /** Lets all that is due be done, up to the end of it. */
  settle(): Promise<void>;
  /** The same without the copies: they wait. */
  decide(): Promise<void>;
  /** Does the copies that wait; between reading the image and writing its tag, `meanwhile` happens. */
  copyWhile(meanwhile: () => Promise<void>): Promise<void>;
  /** Lets what is counted be told, and policies see it. */
  count(): Promise<void>;
  events<T extends RecordType>(type: T): readonly EventOf<T>['data'][];
  /** What is at a registry under `team/app:<tag>`; undefined for nothing. */
  digestAt(registry: 'a' | 'b' | 'c', tag?: string): Promise<string | undefined>;
  close(): Promise<void>;
};

export async function startStand(): Promise<Stand> {
  const [a, b, c] = await Promise.all([startFakeRegistry(), startFakeRegistry(), startFakeRegistry()]);
  const registries: readonly Registry[] = Object.entries({ a, b, c }).map(([name, { host }]) => ({ name, host, plainHttp: true }));
  const clients = createRegistryClients(registries, patience);
  const hostOf = (name: string): string => registries.find((registry) => registry.name === name)?.host ?? name;
  const line = createLine();
  const copying = replicator(
    createCopy(createCopier(), clients, () => nowMs),
    hostOf,
    { ...limits, perTargetMax: 1 },
  );
  line.add(inspector(createInspect(clients), { ...limits, perRegistryMax: 1 }));
  const policy = line.add(createPolicy());
  const copies = line.add(copying);
  const counting = line.add(usage(hostOf));

  let pushesCount = 0;
  return {
    ...{ a, b, c, policy },
    publish(documents) {
      policy.table('policies', Object.fromEntries(Object.entries(documents).map(([id, text]) => [id, publication(id, text)])));
      policy.tellOf('policies', { atMs: nowMs });
    },
    async push(tag = 'v1') {
      const { digest } = await pushImage({ client: clients.forName('a'), repository: 'team/app', tag }, randomImage());
      const image = { registry: a.host, repository: 'team/app', tags: [tag], digest };
      const times = { occurredAtMs: nowMs + pushesCount, receivedAtMs: nowMs + pushesCount, source: 'test', endpoint: 'test' };
      const meta = { id: `push-${(pushesCount += 1)}`, source: '/test', timeMs: nowMs + pushesCount, subject: 'team/app' };
      line.feed(topics.images, repositoryKey(image), {
        ...{ type: 'ImagePushed', data: { ...image, ...unsaid, ...times } },
        meta: { ...meta, correlationId: meta.id, causationId: null, traceparent: null },
      });
      return digest;
    },
    settle: () => line.work(() => true),
    decide: () => line.work(({ kind }) => kind !== 'copy'),
    async copyWhile(meanwhile) {
      const [job] = copies.jobs();
      const { run } = copying.jobs!['copy']!;
      const result = run(JSON.parse(job!.payload) as never, attemptOf(job!, 1));
      await meanwhile();
      const isSame = ({ id, causeId }: JobRow): boolean => id === job!.id && causeId === job!.causeId;
      const isStillWanted = copies.jobs().some(isSame);
      if (isStillWanted) copies.finishJob(job!.id, await result, { atMs: nowMs });
      else await result.catch(() => undefined); // Replaced: the runtime aborts it and hears no more of it.
    },
    async count() {
      for (const { id } of counting.timers()) counting.fire(id);
      line.passOn();
      const [keys, events] = [counting.keys(topics.usage), counting.emitted(topics.usage)];
      policy.table('usage', Object.fromEntries(events.map((event, at) => [keys[at]!, event])));
      policy.tellOf('usage', { atMs: nowMs });
      for (const { id } of policy.timers().filter(({ kind }) => kind.startsWith('sweep'))) policy.fire(id);
      await line.work(({ kind }) => kind !== 'copy');
    },
    events: <T extends RecordType>(type: T) =>
      [...line.stages].flatMap(([{ outputs }, driver]) =>
        outputs.flatMap((topic) =>
          driver.emitted(topic).flatMap((event) => (event.type === type ? [event.data as EventOf<T>['data']] : [])),
        ),
      ),
    digestAt: (registry, tag = 'v1') => digestAt(clients, registry, tag),
    async close() {
      await clients.close();
      await Promise.all([a, b, c].map((registry) => registry.close()));
    },
  };
}

type Line = {
  readonly stages: ReadonlyMap<Topology, TopologyDriver>;
  readonly add: (topology: Topology) => TopologyDriver;
  /** Has every stage that reads the topic take an event. */
  readonly feed: (topic: Topic, key: string, event: Event) => void;
  /** What a stage has emitted is read by those behind it. @returns whether anything was */
  readonly passOn: () => boolean;
  /** Does the jobs that are wanted, and passes on what comes of them, up to the end. */
  readonly work: (isWanted: (job: JobRow) => boolean) => Promise<void>;
};

function createLine(): Line {
  const stages = new Map<Topology, TopologyDriver>();
  const passed = new Map<string, number>();
  const feed = (topic: Topic, key: string, event: Event): void => {
    const { id, timeMs: atMs, correlationId } = event.meta;
    for (const [{ inputs }, driver] of stages)
      if (inputs.includes(topic)) driver.pipe(topic, key, event, { id, atMs: Math.max(atMs, nowMs), correlationId });
  };
  const passOn = (): boolean => {
    let isAny = false;
    for (const [{ outputs }, from] of stages)
      for (const topic of outputs) {
        const [events, keys, begin] = [from.emitted(topic), from.keys(topic), passed.get(topic.name) ?? 0];
        passed.set(topic.name, events.length);
        for (const [at, event] of events.slice(begin).entries()) {
          isAny = true;
          feed(topic, keys[begin + at]!, event);
        }
      }
    return isAny;
  };
  return {
    ...{ stages, feed, passOn },
    add: (topology) => {
      const driver = topologyDriver(topology);
      stages.set(topology, driver);
      return driver;
    },
    async work(isWanted) {
      for (;;) {
        const due = [...stages].flatMap(([topology, driver]) => driver.jobs().map((job) => ({ topology, driver, job })));
        const next = due.find(({ job }) => isWanted(job));
        if (next !== undefined) await runJob(next.topology, next.driver, next.job);
        if (!passOn() && next === undefined) return;
      }
    },
  };
}

/** Tries as the runtime does, without its waits. */
async function runJob(topology: Topology, driver: TopologyDriver, job: JobRow): Promise<void> {
  const { run, attemptsMax } = topology.jobs![job.kind]!;
  for (let attempt = 1; ; attempt++) {
    try {
      return driver.finishJob(job.id, await run(JSON.parse(job.payload) as never, attemptOf(job, attempt)), { atMs: nowMs });
    } catch (error) {
      if (!(error instanceof JobError)) throw error;
      if (error.retry && attempt < attemptsMax) continue;
      return driver.failJob(job.id, { code: error.code, reason: error.message, attempts: attempt }, { atMs: nowMs });
    }
  }
}

const attemptOf = ({ correlationId }: JobRow, attempt: number) => ({ signal: AbortSignal.timeout(20_000), attempt, correlationId });

const publication = (policyId: string, document: string) => ({
  type: 'PolicyPublished' as const,
  data: { policyId, document, documentSha256: '', author: 'test', publishedAtMs: nowMs, reason: '', previousSha256: null },
});

async function digestAt(clients: RegistryClients, registry: string, tag: string): Promise<string | undefined> {
  try {
    const query = { repository: 'team/app', reference: tag };
    return (await findManifestDigest(clients.forName(registry), query, AbortSignal.timeout(5_000))) ?? undefined;
  } catch (error) {
    if (error instanceof OciError && error.code === 'CONTENT_NOT_FOUND') return undefined;
    throw error;
  }
}
