import { StreamError } from '../errors.ts';
import type { EventLog, FollowOptions, TopicPartition } from '../event-log.ts';
import { partitionOfKey } from '../partition-of-key.ts';
import type { ModelBroker } from './broker.ts';
import { expired, runLanes } from './lanes.ts';
import { joinModelGroup } from './member.ts';
import type { Network } from './network.ts';
import type { Actor, Scheduler } from './scheduler.ts';
import { openModelWriter } from './writer.ts';

export type ModelLogOptions = {
  readonly scheduler: Scheduler;
  readonly broker: ModelBroker;
  readonly actor: Actor;
  readonly network: Network;
  readonly transactionTimeoutMs?: number;
};

/** The port over a model broker, as one process sees it. */
export function createModelLog(options: ModelLogOptions): EventLog {
  const { scheduler, broker, network, actor, transactionTimeoutMs = 30_000 } = options;
  const clock = scheduler.clockOf(actor);
  const closing = new AbortController();
  const closed = closing.signal;
  const stopOf = (signal: AbortSignal | undefined): AbortSignal => (signal ? AbortSignal.any([signal, closed]) : closed);

  const bounds: EventLog['bounds'] = async (place, signal) => {
    const partition = broker.partition(place);
    const stop = stopOf(signal);
    const [first, end] = await Promise.all([
      network.ask('first', () => partition.first, stop),
      network.ask('end', () => partition.stableEnd, stop),
    ]);
    return { first, end };
  };

  return {
    partitions: broker.partitionCount,
    partitionOf: (key) => partitionOfKey(key, broker.partitionCount),
    bounds,
    joinGroup: async (group) => joinModelGroup({ ...group, broker, network, clock, closed }),
    openWriter: (group, partition, signal) =>
      openModelWriter({ broker, network, clock, group, partition, transactionTimeoutMs, closed }, stopOf(signal)),
    committed: (group, topics, partition, signal) => {
      const read = (): ReadonlyMap<string, number> => {
        const known = topics.map((topic) => [topic, broker.committed(group, { topic, partition })] as const);
        return new Map(known.filter((entry): entry is readonly [string, number] => entry[1] !== undefined));
      };
      return network.ask('committed', read, stopOf(signal));
    },
    offsetAt: (place, timestampMs, signal) => network.ask('offset at', () => broker.partition(place).offsetAt(timestampMs), stopOf(signal)),
    hasOpenTransaction: (place, signal) => {
      const partition = broker.partition(place);
      return network.ask('open', () => partition.stableEnd < partition.end, stopOf(signal));
    },
    async read(place, { from, to }, onRecords, signal) {
      const stop = stopOf(signal);
      const fetch = (offset: number) => network.ask('read', () => broker.fetch(place, offset, 200), stop);
      for (let offset = from; offset < to;) {
        const { records, next } = await fetch(offset).catch((error: unknown) => Promise.reject(expired(error) as Error));
        offset = Math.min(to, next);
        await onRecords(records.filter((record) => record.offset < to), offset); // prettier-ignore
      }
    },
    follow: async (followOptions) => {
      const signal = stopOf(followOptions.signal);
      try {
        await follow({ broker, network, clock }, bounds, { ...followOptions, signal });
      } catch (error) {
        if (!signal.aborted) throw error;
      }
    },
    close: async () => closing.abort(new Error('the log is closed')),
  };
}

async function follow(
  { broker, network, clock }: Pick<ModelLogOptions, 'broker' | 'network'> & { readonly clock: ReturnType<Scheduler['clockOf']> },
  bounds: EventLog['bounds'],
  options: FollowOptions,
): Promise<void> {
  const { signal, onRecords, onCaughtUp } = options;
  const nameOf = ({ topic, partition }: TopicPartition): string => `${topic}/${partition}`;
  const places = options.topics.flatMap((topic) => broker.topic(topic).map(({ place }) => place));
  const reached = new Map<string, number>();
  const behind = new Map<string, number>();
  const take: typeof onRecords = async (place, records, next) => {
    await onRecords(place, records, next);
    reached.set(nameOf(place), next);
    const isThere = next >= (behind.get(nameOf(place)) ?? Number.POSITIVE_INFINITY);
    if (isThere && behind.delete(nameOf(place)) && behind.size === 0) onCaughtUp?.();
  };
  for (let round = 0; !signal.aborted; round++) {
    const startOf = async (place: TopicPartition) => {
      const { first, end } = await bounds(place, signal);
      const wanted = reached.get(nameOf(place)) ?? options.from(place) ?? first;
      const isLost = wanted < first || wanted > end;
      if (isLost) options.onReset?.(place, end);
      const offset = isLost ? first : wanted;
      if ((round === 0 && offset < end) || (isLost && behind.has(nameOf(place)))) behind.set(nameOf(place), end);
      if (isLost && first === end) await take(place, [], end);
      return { ...place, offset };
    };
    const start = await Promise.all(places.map(startOf));
    if (round === 0 && behind.size === 0) onCaughtUp?.();
    try {
      await runLanes({ broker, network, start, onRecords: take, signal });
    } catch (error) {
      if (!(error instanceof StreamError && error.code === 'OFFSET_EXPIRED')) throw error;
      await clock.sleep(1_000, signal).catch(() => undefined);
    }
  }
}
