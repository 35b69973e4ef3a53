import type { Topic } from '@waybill/domain';
import { valueBytesMax, type Codec, type LogRecord, type NewRecord } from './event-log.ts';
import { findBytes, refuseLongKey } from './rows.ts';
import type { StateStore, StoreChanges, SweepOrder } from './state-store.ts';
import type { Mark, MarkSpec, Topology } from './topology.ts';

type Puts = StoreChanges['puts'];

/**
 * How long a mark is kept after its end, in the store and in the log. A stage decides by the `atMs` of its inputs; as long as
 * those are out of order by less than this, it makes no difference to it when a mark is swept.
 */
export const markGraceMs = 24 * 60 * 60 * 1_000;

/** Store name of marks, where an id's row is the time of its mark (`isMarksStore`). */
export const marksStore = (name: string): string => `#${name}`;

/** State topics of a topology's marks by their store names. @throws Error for a topic that forgets its marks too early */
export function marksTopics({ group, marks = {} }: Topology): Readonly<Record<string, Topic>> {
  for (const { topic, ttlMs } of Object.values(marks)) {
    if (topic.kind !== 'marks') throw new Error(`${topic.name} is no topic for the marks of ${group}`);
    if (topic.retentionMs >= 0 && topic.retentionMs < ttlMs + markGraceMs)
      throw new Error(`${topic.name} keeps marks for ${topic.retentionMs} ms; ${group} needs ${ttlMs + markGraceMs}`);
  }
  return Object.fromEntries(Object.entries(marks).map(([name, { topic }]) => [marksStore(name), topic]));
}

type NamedMarks = MarkSpec & { readonly store: string; readonly made: Map<string, number> };

/** The marks of one transaction in the making, over those in the store. */
export class MarksDraft {
  readonly #topology: Topology;
  readonly #store: Pick<StateStore, 'get'>;
  readonly #byName = new Map<string, NamedMarks>();

  constructor(topology: Topology, store: Pick<StateStore, 'get'>) {
    this.#topology = topology;
    this.#store = store;
  }

  isMarked(name: string, id: string, atMs: number): boolean {
    const { ttlMs, store, made } = this.#of(name);
    const markedAtMs = made.get(id) ?? findTime(findBytes(this.#store, store, id));
    return markedAtMs !== undefined && atMs - markedAtMs < ttlMs;
  }

  /** @throws Error for a mark that cannot be kept */
  check({ marks, id }: Mark): void {
    refuseLongKey('an id of the marks', this.#of(marks).store, id);
  }

  /** After `check`. */
  add({ marks, id }: Mark, atMs: number): void {
    this.#of(marks).made.set(id, Math.max(0, atMs)); // A record without a time has -1.
  }

  /** One record per name, or as few as its limit allows. */
  records(codec: Codec, partition: number): readonly NewRecord[] {
    return this.#changed().flatMap(({ topic, made }) => {
      return batches(made).map((data): NewRecord => {
        return { topic: topic.name, partition, key: null, value: codec.encode({ type: 'MarkBatch', data }), headers: {} };
      });
    });
  }

  puts(): Puts {
    return this.#changed().flatMap(({ store, made }) => rowsOf(store, made));
  }

  /**
   * What is too old to matter beside the marks just made. Not by the clock alone: a replay of old inputs makes marks that are old, and
   * needs them.
   */
  sweeps(nowMs: number): readonly SweepOrder[] {
    return this.#changed().map(({ store, ttlMs, made }) => {
      const oldestMs = made.values().reduce((a, b) => Math.min(a, b), nowMs);
      const below = timeBytes(Math.max(0, oldestMs - ttlMs - markGraceMs)); // A negative number's bytes sort last.
      return { store, below };
    });
  }

  #of(name: string): NamedMarks {
    const known = this.#byName.get(name);
    if (known) return known;
    const spec = this.#topology.marks?.[name];
    if (!spec) throw new Error(`${this.#topology.group} declares no marks ${name}`);
    const named = { ...spec, store: marksStore(name), made: new Map<string, number>() };
    this.#byName.set(name, named);
    return named;
  }

  #changed(): readonly NamedMarks[] {
    return [...this.#byName.values()].filter(({ made }) => made.size > 0);
  }
}

/** What a restore puts into a store of marks. @throws StreamError `RECORD_UNDECODABLE` */
export async function marksPuts(codec: Codec, store: string, records: readonly LogRecord[]): Promise<Puts> {
  const puts: Puts[number][] = [];
  for (const { value } of records) {
    const batch = value && (await codec.decode(value));
    if (batch?.type !== 'MarkBatch') continue;
    batch.data.ids.forEach((key, index) => puts.push({ store, key, value: timeBytes(batch.data.atMs[index] ?? 0) }));
  }
  return puts;
}

/** When a row of marks was marked; `undefined` without a row. */
export const findTime = (row: Buffer | undefined): number | undefined => (row?.length === timeLength ? row.readDoubleBE() : undefined);

const timeLength = 8;

function timeBytes(atMs: number): Buffer {
  const bytes = Buffer.allocUnsafe(timeLength);
  bytes.writeDoubleBE(atMs);
  return bytes;
}

const rowsOf = (store: string, made: ReadonlyMap<string, number>): Puts => {
  let newest: { readonly atMs: number; readonly value: Buffer } = { atMs: NaN, value: Buffer.alloc(0) };
  return [...made].map(([key, atMs]) => {
    if (atMs !== newest.atMs) newest = { atMs, value: timeBytes(atMs) }; // Records of one batch mostly share their time.
    return { store, key, value: newest.value };
  });
};

function batches(made: ReadonlyMap<string, number>): readonly { readonly ids: readonly string[]; readonly atMs: readonly number[] }[] {
  const batches: { readonly ids: string[]; readonly atMs: number[] }[] = [];
  let bytes = valueBytesMax;
  for (const [id, atMs] of made) {
    const bytesMax = id.length * 3 + 20; // Three bytes per character, ten per number.
    if (bytes + bytesMax > valueBytesMax - 1_024) {
      batches.push({ ids: [], atMs: [] });
      bytes = 0;
    }
    const batch = batches.at(-1)!;
    batch.ids.push(id);
    batch.atMs.push(atMs);
    bytes += bytesMax;
  }
  return batches;
}
