import type { EventLog, LogRecord, TopicPartition } from './event-log.ts';

/** Records of a range as an iteration: no more than one chunk of them is held, and leaving the iteration ends the reading. */
export async function* recordsOf(
  log: Pick<EventLog, 'read'>,
  place: TopicPartition,
  range: { readonly from: number; readonly to: number },
): AsyncGenerator<LogRecord> {
  if (range.from >= range.to) return;
  const stop = new AbortController();
  const hand = { chunk: undefined as readonly LogRecord[] | undefined, ended: false, give: () => {}, take: () => {} };
  const onRecords = (records: readonly LogRecord[]): Promise<void> =>
    new Promise((resolve) => {
      hand.chunk = records;
      hand.take = resolve;
      hand.give();
    });
  const reading = log.read(place, range, onRecords, stop.signal).finally(() => {
    hand.ended = true;
    hand.give();
  });
  reading.catch(() => undefined); // Looked at below; until then it must not count as unhandled.
  try {
    for (;;) {
      if (hand.chunk === undefined && !hand.ended) await new Promise<void>((resolve) => (hand.give = resolve));
      if (hand.chunk === undefined) break;
      yield* hand.chunk;
      hand.chunk = undefined;
      hand.take();
    }
    await reading;
  } finally {
    stop.abort();
    hand.take();
    await reading.catch(() => undefined);
  }
}
