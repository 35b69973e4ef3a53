import type { Topic } from '@waybill/domain';
import { type EventLog, type TopicPartition, versionGroup } from '@waybill/stream';
import type { LiveVersions } from '../read-model/followed-topics.ts';
import { keyOf } from '../read-model/keys.ts';
import type { Reader } from '../read-model/rows.ts';
import type { Circuits } from './circuits.ts';
import { groups } from './groups.ts';

export type TopicLag = { readonly topic: string; readonly lag: number; readonly end: number };
export type GroupStatus = {
  /** Of the app's live version. */
  readonly group: string;
  /** Offsets not yet committed, over all topics and partitions. Markers of transactions count while records lie behind them. */
  readonly lag: number;
  readonly topics: readonly TopicLag[];
  readonly jobsDue: number;
  /** Work for which a moment was asked that had not come then: the review of a decision, say. */
  readonly timers: number;
  /** When the first of both is due; long ago where nobody takes care of it. Null for none. */
  readonly nextDueAtMs: number | null;
  /** Given up after the last try; fed back by a redrive. */
  readonly jobsParked: number;
  readonly recordsParked: number;
};
export type Status = {
  readonly asOfMs: number;
  readonly groups: readonly GroupStatus[];
  /** By app and code, most first. */
  readonly parked: readonly { readonly app: string; readonly code: string; readonly count: number }[];
  readonly circuits: Circuits;
};

/** Where the log ends and where groups stand: what `status` needs of the event log. */
export type StatusLog = Pick<EventLog, 'bounds' | 'committed' | 'partitions'>;

const countersMax = 1_000;

export type StatusSources = {
  readonly log: StatusLog;
  readonly reader: Reader;
  /** Next offset that the read model has of a partition. */
  readonly next: (at: TopicPartition) => number | undefined;
  readonly circuits: () => Promise<Circuits>;
  /** Whose groups and rows count. */
  readonly live: LiveVersions;
};

/** Asks the log how far each group is, and running apps what they hold back; answers within `maxAgeMs` share one asking. */
export function createStatus(sources: StatusSources, now: () => number, maxAgeMs = 1_000): () => Promise<Status> {
  let latest: { readonly atMs: number; readonly answer: Promise<Status> } | undefined;
  return () => {
    if (latest === undefined || now() - latest.atMs > maxAgeMs) {
      const asked = { atMs: now(), answer: readStatus(sources, now()) };
      asked.answer.catch(() => (latest = undefined)); // A failure is not kept; whoever asked gets it.
      latest = asked;
    }
    return latest.answer;
  };
}

async function readStatus(sources: StatusSources, asOfMs: number): Promise<Status> {
  const { log, reader } = sources;
  const partitions = Array.from({ length: log.partitions }, (_, partition) => partition);
  const counters = new Map([...reader.entries('counters', { limit: countersMax })]);
  const parked = parkedCounts(counters);
  const [ends, circuits] = await Promise.all([endsOf(log, partitions), sources.circuits()]);
  const statuses = await Promise.all(
    Object.entries(groups).map(async ([app, inputs]): Promise<GroupStatus> => {
      const group = versionGroup(app, sources.live[app] ?? 1);
      const lags = await lagsOf(sources, { group, inputs, partitions, ends });
      return {
        ...{ group, lag: sum(lags.map(({ lag }) => lag)), topics: lags },
        jobsDue: counters.get(keyOf('jobs', app, 'due')) ?? 0,
        timers: counters.get(keyOf('jobs', app, 'timer')) ?? 0,
        nextDueAtMs: nextDueAtMs(reader, app),
        jobsParked: counters.get(keyOf('jobs', app, 'parked')) ?? 0,
        recordsParked: sum(parked.filter((each) => each.app === app).map(({ count }) => count)),
      };
    }),
  );
  return { asOfMs, groups: statuses, parked, circuits };
}

function nextDueAtMs(reader: Reader, app: string): number | null {
  const [first] = reader.entries('jobsByTime', { prefix: keyOf(app), limit: 1 });
  return (first && reader.get('jobs', first[1])?.notBeforeMs) ?? null;
}

/** End of every partition of every input, asked for once however many groups read it. */
async function endsOf(log: StatusLog, partitions: readonly number[]): Promise<ReadonlyMap<string, number>> {
  const names = new Set(Object.values(groups).flatMap((inputs) => inputs.map(({ name }) => name)));
  const places = [...names].flatMap((topic) => partitions.map((partition) => ({ topic, partition })));
  return new Map(
    await Promise.all(places.map(async (place) => [placeOf(place.topic, place.partition), (await log.bounds(place)).end] as const)),
  );
}

type Asked = {
  readonly group: string;
  readonly inputs: readonly Topic[];
  readonly partitions: readonly number[];
  readonly ends: ReadonlyMap<string, number>;
};

async function lagsOf(
  { log, reader, next: read }: StatusSources,
  { group, inputs, partitions, ends }: Asked,
): Promise<readonly TopicLag[]> {
  const names = inputs.map(({ name }) => name);
  const committed = await Promise.all(partitions.map((partition) => log.committed(group, names, partition)));
  return names.map((topic) => {
    const perPartition = partitions.map((partition) => {
      const end = ends.get(placeOf(topic, partition)) ?? 0;
      const next = committed[partition]?.get(topic) ?? 0;
      // Behind the last record lie markers, one per transaction that ended there, and whatever was aborted: nothing that a group reads.
      // How many those are is not known; that no record is among them is, once the read model itself has come to the end.
      const last = reader.get('lastOffsets', keyOf(topic, String(partition))) ?? -1;
      const done = next > last && (read({ topic, partition }) ?? 0) >= end;
      return { lag: done ? 0 : Math.max(0, end - next), end };
    });
    return { topic, lag: sum(perPartition.map(({ lag }) => lag)), end: sum(perPartition.map(({ end }) => end)) };
  });
}

function parkedCounts(counters: ReadonlyMap<string, number>): Status['parked'] {
  return [...counters]
    .flatMap(([key, count]) => {
      const [what, app = '', code = ''] = key.split('|');
      return what === 'parked' ? [{ app, code, count }] : [];
    })
    .toSorted((a, b) => b.count - a.count);
}

const placeOf = (topic: string, partition: number): string => `${topic}/${partition}`;
const sum = (numbers: readonly number[]): number => numbers.reduce((total, number) => total + number, 0);
