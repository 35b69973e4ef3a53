import { setTimeout as sleep } from 'node:timers/promises';
import type { Topic } from '@waybill/domain';
import type { EventLog, LogRecord } from '@waybill/stream';

/** Every committed record of a topic, partition by partition. */
export async function readAll(log: EventLog, topic: Topic): Promise<readonly LogRecord[]> {
  const all: LogRecord[] = [];
  for (let partition = 0; partition < log.partitions; partition++) {
    const place = { topic: topic.name, partition };
    const { first, end } = await log.bounds(place);
    await log.read(place, { from: first, to: end }, (records) => void all.push(...records));
  }
  return all;
}

/** Reads until the value is right or the time is over; the caller asserts on what it gets. */
export async function eventually<T>(read: () => Promise<T>, isRight: (value: T) => boolean, timeoutMs = 60_000): Promise<T> {
  const deadline = Date.now() + timeoutMs;
  for (;;) {
    const value = await read();
    if (isRight(value) || Date.now() > deadline) return value;
    await sleep(150);
  }
}

/** `3 x FENCED, 1 x LOG_UNAVAILABLE`, or `none`. */
export const countOf = (names: readonly string[]): string =>
  [...Map.groupBy(names, (name) => name)].map(([name, { length }]) => `${length} x ${name}`).join(', ') || 'none';
