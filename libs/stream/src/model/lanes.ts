import { StreamError } from '../errors.ts';
import type { LogRecord, TopicPartition } from '../event-log.ts';
import type { ModelBroker } from './broker.ts';
import { BrokerError } from './broker-error.ts';
import type { Network } from './network.ts';

export type LanesOptions = {
  readonly broker: ModelBroker;
  readonly network: Network;
  readonly start: readonly (TopicPartition & { readonly offset: number })[];
  /** One call at a time per partition. A rejection ends all of them with it. */
  readonly onRecords: (place: TopicPartition, records: readonly LogRecord[], next: number) => Promise<void> | void;
  readonly signal: AbortSignal;
};

/** Long, since what is fetched ends it: a model that polls does little else. */
const waitMs = 30_000;
/** So many chunks wait for their turn before a partition is not fetched further. */
const chunksWaitingMax = 2;

/**
 * Fetches partitions until the signal fires; goes on fetching while earlier records are being taken.
 * @throws StreamError `OFFSET_EXPIRED`, and whatever `onRecords` throws, once all that was being taken has come to an end
 */
export async function runLanes(options: LanesOptions): Promise<void> {
  const failed = new AbortController();
  const signal = AbortSignal.any([options.signal, failed.signal]);
  await Promise.all(options.start.map((position) => runLane(options, position, signal, failed)));
  if (failed.signal.aborted && !options.signal.aborted) throw failed.signal.reason;
}

async function runLane(
  { broker, network, onRecords }: LanesOptions,
  { topic, partition, offset: start }: LanesOptions['start'][number],
  signal: AbortSignal,
  failed: AbortController,
): Promise<void> {
  const place = { topic, partition };
  const waiting: Promise<void>[] = [];
  const fail = (error: unknown): void => failed.abort(error);
  let offset = start;
  try {
    while (!signal.aborted) {
      while (waiting.length >= chunksWaitingMax) await waiting.shift();
      const from = offset;
      const { records, next } = await network.ask(`fetch ${topic}/${partition}`, () => broker.fetch(place, from, waitMs), signal);
      offset = next;
      if (next === from) continue;
      const before = waiting.at(-1) ?? Promise.resolve();
      waiting.push(before.then(() => (signal.aborted ? undefined : onRecords(place, records, next))).catch(fail));
    }
  } catch (error) {
    if (!signal.aborted) fail(expired(error));
  }
  await Promise.all(waiting);
}

/** The position and what retention has left have nothing in common. */
export function expired(error: unknown): unknown {
  if (!(error instanceof BrokerError && error.type === 'OFFSET_OUT_OF_RANGE')) return error;
  return new StreamError('OFFSET_EXPIRED', 'a position lies outside the log', { cause: error });
}
