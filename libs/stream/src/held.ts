import { deterministicId, type Event, type HeldRecord } from '@waybill/domain';
import type { LogRecord } from './event-log.ts';

/** Store name of the held rows; no topology can declare it, because a declared name is an identifier. */
export const heldStore = '@held';

/** So much held, and a partition number of an app takes no more records until some have been retried or dropped. */
export const heldMax = { rows: 100_000, bytes: 1_073_741_824 } as const;
export type HeldMax = { readonly rows: number; readonly bytes: number };
/** Longest row, and longest event that says it: a whole other record, and why. Their topics take 5 MiB. */
export const heldBytesMax = 5 * 1_048_576 - 65_536;
/** What one transaction runs again, beside its other works. */
export const drainedMax = 500;
export const drainedBytesMax = 8 * 1_048_576;

/** A held record as a task remembers it; its bytes stay in the store. */
export type HeldEntry = { readonly place: string; readonly offset: number; readonly isParked: boolean; readonly bytes: number };

/**
 * Who stands in line: per topic and key the records that wait for the first of them, in offset order.
 * A line whose first is not parked is *ready*: it is run on, also after a restart, until it is empty or the next one fails.
 *
 * Given a base it is a draft of it: reads fall through, changes stay here until the base `adopt`s them.
 */
export class HeldLines {
  readonly #base: HeldLines | undefined;
  /** An empty line in a draft hides the base's. */
  readonly #lines = new Map<string, HeldEntry[]>();
  readonly #ready = new Set<string>();
  #count = 0;
  #bytes = 0;

  constructor(base?: HeldLines) {
    this.#base = base;
  }

  /** Rows that are held; of a draft, how many it adds. */
  get count(): number {
    return this.#count;
  }

  /** What the records that are held come to. */
  get bytes(): number {
    return this.#bytes;
  }

  isFull({ rows, bytes }: HeldMax): boolean {
    return this.#count >= rows || this.#bytes >= bytes;
  }

  /** Nothing is held: what almost every record finds. */
  get isEmpty(): boolean {
    return this.#lines.size === 0 && (this.#base?.isEmpty ?? true);
  }

  has(line: string): boolean {
    return this.first(line) !== undefined;
  }

  first(line: string): HeldEntry | undefined {
    const own = this.#lines.get(line);
    return own ? own[0] : this.#base?.first(line);
  }

  /** Some line may go on. */
  get canGoOn(): boolean {
    return this.#ready.size > 0;
  }

  /** Names of the lines that may go on. */
  ready(): readonly string[] {
    const inherited = [...(this.#base?.ready() ?? [])].filter((line) => !this.#lines.has(line));
    return [...inherited, ...this.#ready];
  }

  set(line: string, entry: HeldEntry): void {
    const entries = this.#own(line);
    const at = positionOf(entries, entry.offset);
    const known = entries[at]?.offset === entry.offset ? entries[at] : undefined;
    entries.splice(at, known ? 1 : 0, entry);
    if (!known) this.#count += 1;
    this.#bytes += entry.bytes - (known?.bytes ?? 0);
    this.#settle(line, entries);
  }

  remove(line: string, offset: number): void {
    const entries = this.#own(line);
    const at = positionOf(entries, offset);
    const known = entries[at];
    if (known?.offset !== offset) return;
    entries.splice(at, 1);
    this.#count -= 1;
    this.#bytes -= known.bytes;
    this.#settle(line, entries);
  }

  /** Takes over what a draft of this has changed, once the log has it. The draft must not be used afterwards. */
  adopt(draft: HeldLines): void {
    for (const [line, entries] of draft.#lines) {
      this.#lines.set(line, entries);
      this.#settle(line, entries);
    }
    this.#count += draft.#count;
    this.#bytes += draft.#bytes;
  }

  clear(): void {
    this.#lines.clear();
    this.#ready.clear();
    this.#count = 0;
    this.#bytes = 0;
  }

  #own(line: string): HeldEntry[] {
    const own = this.#lines.get(line);
    if (own) return own;
    const copy = this.#base ? [...(this.#base.#lines.get(line) ?? [])] : [];
    this.#lines.set(line, copy);
    return copy;
  }

  #settle(line: string, entries: readonly HeldEntry[]): void {
    if (entries[0]?.isParked === false) this.#ready.add(line);
    else this.#ready.delete(line);
    if (entries.length === 0 && this.#base === undefined) this.#lines.delete(line);
  }
}

/** Where an offset stands or belongs. From the end, because most come last. */
function positionOf(entries: readonly HeldEntry[], offset: number): number {
  if (entries[0]?.offset === offset) return 0;
  let at = entries.length;
  while (at > 0 && entries[at - 1]!.offset >= offset) at -= 1;
  return at;
}

export const placeOf = ({ topic, partition, offset }: Pick<LogRecord, 'topic' | 'partition' | 'offset'>): string =>
  `${topic}/${partition}/${offset}`;

/** What a record waits in: its topic and key, byte for byte. Without a key nothing can come to stand behind it. */
export const lineOf = ({ topic, offset, key }: Pick<LogRecord, 'topic' | 'offset' | 'key'>): string =>
  key === null ? `${topic}\0-${offset}` : `${topic}\0+${key.toString('latin1')}`;

export const entryOf = (row: HeldRecord): HeldEntry => ({
  place: placeOf(row),
  offset: row.offset,
  isParked: row.status === 'parked',
  bytes: row.headers.reduce((sum, { name, value }) => sum + name.length + value.length, (row.key?.length ?? 0) + (row.value?.length ?? 0)),
});

export type Failure = { readonly code: string; readonly reason: string; readonly attempts: number };

/** The row of a record that has failed, or waits. */
export function heldRow(group: string, record: LogRecord, failed: Failure | undefined, heldAtMs: number): HeldRecord {
  const { topic, partition, offset, timestampMs, key } = record;
  const headers = Object.entries(record.headers).map(([name, bytes]) => ({ name, value: bytes }));
  // Only a batch that others have compressed can bring so long a one. It could be written nowhere: its place has to do.
  const bytes = headers.reduce((sum, { name, value }) => sum + name.length + value.length + 8, record.value?.length ?? 0);
  const isKept = bytes < heldBytesMax - reserveBytes;
  const value = isKept ? record.value : null;
  const failure = isKept ? failed : tooLong(bytes, failed);
  return {
    ...{ topic, partition, offset, timestampMs, key, value, heldAtMs },
    headers: isKept ? headers : [],
    status: failure ? 'parked' : 'waiting',
    attempts: failure?.attempts ?? 0,
    code: failure?.code ?? null,
    reason: failure?.reason.slice(0, reasonLengthMax) ?? null,
    correlationId: record.headers['correlationid']?.toString() ?? deterministicId('parked', group, placeOf(record)),
  };
}

const reasonLengthMax = 2_000;
/** For the key, the reason and the other fields. */
const reserveBytes = 131_072;

const tooLong = (bytes: number, failed: Failure | undefined): Failure => ({
  code: failed?.code ?? 'RECORD_UNDECODABLE',
  reason: `${bytes} bytes are too many to be kept here, they lie only at the record's own place; ${failed?.reason ?? 'it was not tried'}`,
  attempts: failed?.attempts ?? 1,
});

/** The record as it was read: what is run again must not differ from what was run first. */
export const heldRecord = ({ topic, partition, offset, timestampMs, key, value, headers }: HeldRecord): LogRecord => ({
  ...{ topic, partition, offset, timestampMs, key, value },
  headers: Object.fromEntries(headers.map((header) => [header.name, header.value])),
});

/** Says that a record has failed; once per attempt of a version of the app, whatever is done again in between. */
export function parkedEvent(app: string, row: HeldRecord, group = app): Event {
  const { topic, partition, offset, timestampMs, key, value, headers, code, reason, correlationId, attempts, heldAtMs } = row;
  const subject = placeOf(row);
  const id = deterministicId('parked', group, subject, attempts);
  return {
    type: 'RecordParked',
    data: {
      ...{ app, topic, partition, offset, timestampMs, key, value, headers },
      ...{ code: code ?? '', reason: reason ?? '', parkedAtMs: heldAtMs },
    },
    meta: { id, source: `/waybill/${app}`, timeMs: heldAtMs, subject, correlationId, causationId: null, traceparent: null },
  };
}
