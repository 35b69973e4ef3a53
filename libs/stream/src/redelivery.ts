import type { Clock } from './clock.ts';
import { causeOf } from './apply.ts';
import type { Draft } from './draft.ts';
import { StreamError } from './errors.ts';
import type { Codec, EventLog, GroupOptions, LogRecord } from './event-log.ts';
import { placeOf } from './held.ts';
import { marksTopics } from './marks.ts';
import { compareOutputs, type Difference, type OutputCount } from './output-diff.ts';
import { feedRanges, type LogRange } from './range-feed.ts';
import { restore } from './restore.ts';
import { runTopology } from './runtime.ts';
import { inSandbox, sandboxed, sandboxTopics } from './sandbox.ts';
import type { OpenStore } from './state-store.ts';
import type { Topology } from './topology.ts';
import { appOf } from './versions.ts';

/** What the app knows when the range begins: nothing, or what the live one knows by now. */
export type StartState = 'empty' | 'now';

export type RedeliveryOptions = {
  /** As it runs live. */
  readonly topology: Topology;
  /** The topics of `sandboxTopics` exist and are empty. */
  readonly sandbox: string;
  /** The live log. */
  readonly log: EventLog;
  readonly codec: Codec;
  /** In a folder that is thrown away afterwards. */
  readonly openStore: OpenStore;
  readonly clock: Clock;
  readonly ranges: readonly LogRange[];
  /** Only records with this key, or one that ends in it behind a slash: `demo/app` is `registry.example/demo/app`. */
  readonly match?: string | undefined;
  readonly state: StartState;
};

/** What an app made of a range that it was given again. */
export type Redelivery = {
  readonly app: string;
  readonly sandbox: string;
  readonly group: string;
  readonly state: StartState;
  readonly ranges: readonly LogRange[];
  /** Records that were given to it. */
  readonly inputsCount: number;
  /** Those of them that the live app has not come to yet: what follows from them counts as additional. */
  readonly aheadCount: number;
  /** Why inputs led to nothing, and how many. */
  readonly ignored: Readonly<Record<string, number>>;
  readonly parkedCount: number;
  /** Records that wait behind a parked one of their key: the app has not been asked. */
  readonly waitingCount: number;
  /** The first ones. */
  readonly parked: readonly { readonly place: string; readonly code: string; readonly reason: string }[];
  /** Jobs and timers that it asked for and that were not run, by kind. */
  readonly wouldRun: Readonly<Record<string, number>>;
  /** What it said, beside what the live app has said of the same inputs. */
  readonly outputs: readonly OutputCount[];
  /** The first ones. */
  readonly differences: readonly Difference[];
  readonly topics: readonly string[];
};

const examplesMax = 20;
const reasonsMax = 50;
const lookIntervalMs = 50;
/** Clocks of those who write differ; what an input led to is looked for from so long before it on. */
const clocksMsMax = 60_000;

/**
 * Gives an app a range of its inputs again, in a sandbox: the runtime is the real one, over a log that lets nothing out. The live app, its
 * group and its topics are only read. Jobs and timers are not run. Ends when everything has been committed.
 * @throws StreamError whatever would end the app, `SANDBOX_REFUSED` for what would reach outside
 */
export async function redeliver(options: RedeliveryOptions): Promise<Redelivery> {
  const { sandbox, log, codec, clock, ranges, match } = options;
  const topology = sandboxed(options.topology, sandbox);
  const notes = new Notes(topology, await liveOffsets(log, options.topology.group, ranges));
  const ended = Promise.withResolvers<void>();
  ended.promise.catch(() => undefined); // Awaited once the app runs.
  const stop = new AbortController();
  const isWanted = (record: LogRecord): boolean => match === undefined || isMatch(record, match);
  const feed = { log, ranges, isWanted, onRecord: (record: LogRecord) => notes.addInput(record), signal: stop.signal };
  const joinGroup = async ({ handlers }: GroupOptions) => {
    await handlers.assigned([...new Set(ranges.map(({ partition }) => partition))], { verify: async () => undefined });
    feedRanges(feed, (place, records) => handlers.batch(place, records)).then(ended.resolve, ended.reject);
    // Not waited for: it may be waiting for the log, which is closed after the app.
    return { close: async () => stop.abort(new Error('the run is over')) };
  };
  const running = await runTopology({
    ...{ topology, codec, clock, jobsMax: 0 },
    log: { ...inSandbox(log, topology, sandbox), joinGroup },
    openStore: options.state === 'now' ? withLiveRows(options) : options.openStore,
    instance: topology.group,
    sessionTimeoutMs: 30_000,
    observer: {
      committed: (draft) => notes.addDraft(draft),
      // Live, it waits for somebody who retries or drops. Nobody will.
      fault: (error) => void (error instanceof StreamError && error.code === 'HELD_FULL' && ended.reject(error)),
    },
    onCrash: ended.reject,
  });
  let heldCount = 0;
  try {
    await ended.promise;
    heldCount = running.held();
  } finally {
    await running.close();
  }
  const written = sandboxTopics(topology, sandbox).map(({ name }) => name);
  await untilSettled(log, written, clock);
  const compared = await compareOutputs({
    ...{ log, codec, app: appOf(topology), sandbox, outputs: topology.outputs },
    ...{ causes: notes.causes, jobCauses: notes.jobCauses, sinceMs: Math.max(0, notes.sinceMs - clocksMsMax), differencesMax: examplesMax },
  });
  return {
    ...{ app: appOf(topology), sandbox, group: topology.group, state: options.state, ranges },
    ...notes.summary(heldCount),
    ...{ outputs: compared.counts, differences: compared.differences },
    topics: written,
  };
}

/** @throws StreamError `SANDBOX_REFUSED` when there is more to give than is wanted; counted in offsets, which markers take too */
export function refuseLarge(ranges: readonly LogRange[], recordsMax: number): void {
  const count = ranges.reduce((sum, { from, to }) => sum + to - from, 0);
  if (count > recordsMax)
    throw new StreamError('SANDBOX_REFUSED', `the range holds up to ${count} records: narrow it, or allow as many with --limit ${count}`);
}

/** Nobody writes there any more, but the end of a last transaction may show a little later than it was answered. */
async function untilSettled(log: EventLog, names: readonly string[], clock: Clock): Promise<void> {
  for (const topic of names)
    for (let partition = 0; partition < log.partitions; partition++)
      while (await log.hasOpenTransaction({ topic, partition })) await clock.sleep(lookIntervalMs);
}

/** How far the live app is, by topic and partition. */
async function liveOffsets(log: EventLog, group: string, ranges: readonly LogRange[]): Promise<ReadonlyMap<string, number>> {
  const next = new Map<string, number>();
  for (const { topic, partition } of ranges) {
    const offset = (await log.committed(group, [topic], partition)).get(topic);
    if (offset !== undefined) next.set(`${topic}/${partition}`, offset);
  }
  return next;
}

function isMatch({ key }: LogRecord, match: string): boolean {
  const text = key?.toString() ?? '';
  return text === match || text.endsWith(`/${match}`);
}

/** The rows and marks that the live app has by now; not its jobs and not what it has parked, which are no knowledge of the stage. */
function withLiveRows({ topology, log, codec, openStore, clock }: RedeliveryOptions): OpenStore {
  const stores = { ...topology.stores, ...marksTopics(topology) };
  return async (group, partition) => {
    const store = await openStore(group, partition);
    await restore({ log, codec, store, stores, partition, nowMs: clock.now() });
    await store.load({ rows: [], position: { changelog: new Map() } }); // Positions in topics that are not those of the sandbox.
    return store;
  };
}

/** What is kept of a run: ids and counts, no records. */
class Notes {
  readonly #topology: Topology;
  readonly #liveNext: ReadonlyMap<string, number>;
  readonly causes = new Set<string>();
  readonly jobCauses = new Set<string>();
  sinceMs = Infinity;
  #inputsCount = 0;
  #aheadCount = 0;
  #parkedCount = 0;
  readonly #parked: Redelivery['parked'][number][] = [];
  readonly #ignored = new Map<string, number>();
  readonly #jobKinds = new Map<string, string>();

  constructor(topology: Topology, liveNext: ReadonlyMap<string, number>) {
    this.#topology = topology;
    this.#liveNext = liveNext;
  }

  addInput(record: LogRecord): void {
    this.#inputsCount += 1;
    if (record.offset >= (this.#liveNext.get(`${record.topic}/${record.partition}`) ?? 0)) this.#aheadCount += 1;
    this.sinceMs = Math.min(this.sinceMs, record.timestampMs);
    const cause =
      this.#topology.decode === 'raw'
        ? causeOf(appOf(this.#topology), { kind: 'record', record, atMs: record.timestampMs }).id
        : record.headers['ce_id']?.toString();
    if (cause !== undefined) this.causes.add(cause);
  }

  addDraft({ parked, ignored, jobs }: Draft): void {
    this.#parkedCount += parked.length;
    for (const { code, reason, record } of parked.slice(0, examplesMax - this.#parked.length))
      this.#parked.push({ place: placeOf(record), code, reason });
    for (const reason of ignored)
      if (this.#ignored.has(reason) || this.#ignored.size < reasonsMax) this.#ignored.set(reason, (this.#ignored.get(reason) ?? 0) + 1);
    for (const [id, job] of jobs) {
      if (job === null) this.#jobKinds.delete(id);
      else this.#jobKinds.set(id, job.kind);
      if (job !== null) this.jobCauses.add(job.causeId);
    }
  }

  summary(heldCount: number): Summary {
    const countOf = ([kind, all]: readonly [string, readonly string[]]) => [kind, all.length] as const;
    return {
      inputsCount: this.#inputsCount,
      aheadCount: this.#aheadCount,
      ignored: Object.fromEntries(this.#ignored),
      parkedCount: this.#parkedCount,
      waitingCount: heldCount - this.#parkedCount,
      parked: this.#parked,
      wouldRun: Object.fromEntries([...Map.groupBy(this.#jobKinds.values(), (kind) => kind)].map(countOf)),
    };
  }
}

type Summary = Pick<Redelivery, 'inputsCount' | 'aheadCount' | 'ignored' | 'parkedCount' | 'waitingCount' | 'parked' | 'wouldRun'>;
