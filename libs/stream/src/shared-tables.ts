import type { Event, Topic } from '@waybill/domain';
import type { Clock } from './clock.ts';
import { StreamError } from './errors.ts';
import type { Codec, EventLog, LogRecord } from './event-log.ts';
import { decodeEvent } from './record.ts';

export type SharedTables = {
  /** Newest event per key, in key order. */
  table(name: string): readonly Event[];
  close(): Promise<void>;
};

/**
 * Reads small topics whole, and goes on reading: every instance sees a change as soon as it is committed.
 * Resolves when everything that was there at the start has been read, so that no decision is made on half a table.
 * What cannot be decoded is skipped and told to `onFault`; the newest event of that key before it stays in force.
 */
export async function openSharedTables(
  log: EventLog,
  codec: Codec,
  clock: Clock,
  tables: Readonly<Record<string, Topic>>,
  hooks: { readonly onFault: (error: unknown) => void; readonly onEnd: (error: unknown) => void },
): Promise<SharedTables> {
  const contents = new Map(
    Object.entries(tables).map(([name, topic]) => [topic.name, { name, rows: new Map<string, Event>(), sorted: [] as readonly Event[] }]),
  );
  const byName = new Map([...contents.values()].map((content) => [content.name, content]));
  if (contents.size === 0) return { table: () => [], close: async () => undefined };

  const closing = new AbortController();
  const take = async (rows: Map<string, Event>, record: LogRecord): Promise<void> => {
    const key = record.key?.toString() ?? '';
    for (;;) {
      try {
        if (record.value === null) rows.delete(key);
        else rows.set(key, await decodeEvent(codec, record));
        return;
      } catch (error) {
        hooks.onFault(error);
        // Skipping what cannot be read only now would leave an outdated row in force until the next start.
        if (!(error instanceof StreamError && error.handling === 'retry')) return;
        await clock.sleep(1_000, closing.signal);
      }
    }
  };
  const caughtUp = Promise.withResolvers<void>();
  const following = log.follow({
    topics: [...contents.keys()],
    from: () => undefined,
    signal: closing.signal,
    onCaughtUp: () => caughtUp.resolve(),
    async onRecords(place, records) {
      const content = contents.get(place.topic)!;
      for (const record of records) await take(content.rows, record);
      content.sorted = [...content.rows].toSorted(([a], [b]) => (a < b ? -1 : 1)).map(([, event]) => event);
    },
  });
  following.catch((error: unknown) => {
    caughtUp.reject(error);
    if (!closing.signal.aborted) hooks.onEnd(error);
  });
  await caughtUp.promise;
  return {
    table: (name) => byName.get(name)?.sorted ?? [],
    async close() {
      closing.abort();
      await following.catch(() => undefined);
    },
  };
}
