import { topics, type Event, type EventOf, type HeldRecord, type Job, type RecordType, type TypedRecord } from '@waybill/domain';
import { outcomeOf } from './apply.ts';
import type { Clock } from './clock.ts';
import { StreamError } from './errors.ts';
import { valueBytesMax, type Codec, type EventLog, type LogRecord, type NewRecord } from './event-log.ts';
import {
  drainedBytesMax,
  drainedMax,
  entryOf,
  heldBytesMax,
  heldRecord,
  heldRow,
  heldStore,
  HeldLines,
  lineOf,
  parkedEvent,
  placeOf,
  type Failure,
  type HeldEntry,
} from './held.ts';
import { MarksDraft, type Sweep } from './marks.ts';
import { decodeEvent, encodeEvent } from './record.ts';
import { rowKeyBytesMax, type StateStore, type StoreChanges } from './state-store.ts';
import type { Context, Input, Step, Topology } from './topology.ts';
import type { JobEnd, Work } from './work.ts';

/** Store name of the job rows; no topology can declare it, because a declared name is an identifier. */
export const jobStore = '@jobs';

/** A transaction in the making: everything that a run of inputs leads to. Nothing of it is visible yet. */
export type Draft = {
  readonly records: readonly NewRecord[];
  readonly puts: StoreChanges['puts'];
  readonly sweeps: readonly Sweep[];
  /** Next offset per input topic. */
  readonly consumed: ReadonlyMap<string, number>;
  /** Job rows as they will be; `null` for those that end. */
  readonly jobs: ReadonlyMap<string, Job | null>;
  /** What is held as it will be. */
  readonly held: HeldLines;
  readonly parked: readonly { readonly code: string; readonly reason: string; readonly record: LogRecord }[];
  readonly ignored: readonly string[];
};

export type DraftDependencies = {
  readonly topology: Topology;
  readonly log: EventLog;
  readonly codec: Codec;
  readonly store: StateStore;
  readonly held: HeldLines;
  readonly partition: number;
  readonly table: Context['table'];
  readonly clock: Clock;
};

/**
 * Runs the stage over works in order, each seeing the rows that the ones before it have left, and then over what was held and may go on.
 * What cannot be decoded, or makes the stage throw, is parked with its bytes and leaves no other trace; what comes after it with the
 * same topic and key is held behind it.
 * @throws StreamError `LOG_UNAVAILABLE` when a schema cannot be read now: the works wait
 */
export async function draftTransaction(dependencies: DraftDependencies, works: readonly Work[]): Promise<Draft> {
  const draft = new Drafting(dependencies);
  for (const work of works) await (work.kind === 'record' ? draft.takeRecord(work.record) : draft.takeJobEnd(work));
  await draft.drain();
  return draft.finish();
}

type Change = { readonly store: string; readonly key: string; readonly row: TypedRecord | null; readonly origin: string };
/** With its bytes: what cannot be encoded has to show before anything of its step counts. */
type Row = Change & { readonly value: Buffer | null };

class Drafting {
  readonly #dependencies: DraftDependencies;
  readonly #events: NewRecord[] = [];
  /** Newest row per store and key; only that is written, however often it changed within the transaction. */
  readonly #rows = new Map<string, Row>();
  readonly #consumed = new Map<string, number>();
  readonly #held: HeldLines;
  readonly #parked: Draft['parked'][number][] = [];
  readonly #ignored: string[] = [];
  readonly #marks: MarksDraft;
  readonly #context: Context;
  /** Of the input that is being handled. */
  #atMs = 0;
  /** A row whose writer's schema has not been loaded yet: written by another version of the app. */
  #unread: Buffer | undefined;

  constructor(dependencies: DraftDependencies) {
    this.#dependencies = dependencies;
    this.#held = new HeldLines(dependencies.held);
    this.#marks = new MarksDraft(dependencies.topology, dependencies.store);
    this.#context = {
      get: (store, key, type) => this.#get(store, key, type) as never,
      isMarked: (marks, id) => this.#marks.isMarked(marks, id, this.#atMs),
      table: dependencies.table,
    };
  }

  async takeRecord(record: LogRecord): Promise<void> {
    this.#consumed.set(record.topic, record.offset + 1);
    if (record.topic === topics.parkedCommands.name) {
      await this.#takeCommand(record);
      if (!this.#dependencies.topology.inputs.includes(topics.parkedCommands)) return;
    }
    if (!this.#held.isEmpty && this.#held.has(lineOf(record))) this.#hold(record, undefined);
    else await this.#tryRecord(record, 0);
  }

  /** Runs on, in their order, the records of each line whose first may run: to the line's end, the next failure or the bound. */
  async drain(): Promise<void> {
    let [count, bytes] = [0, 0];
    for (const line of this.#held.isEmpty ? [] : this.#held.ready()) {
      for (let first = this.#held.first(line); first && !first.isParked; first = this.#held.first(line)) {
        if (count >= drainedMax || bytes >= drainedBytesMax) return;
        count += 1;
        bytes += first.bytes;
        await this.#drainFirst(line, first);
      }
    }
  }

  async #drainFirst(line: string, { place, offset }: HeldEntry): Promise<void> {
    const row = await this.#reading(() => this.#get(heldStore, place, 'HeldRecord'));
    if (!row) throw new StreamError('STORE_FAILED', `the row of ${place} is not there; delete the state folder, the log restores it`);
    if (!(await this.#tryRecord(heldRecord(row), row.attempts))) return;
    this.#put(this.#rowOf({ store: heldStore, key: place, row: null, origin: place }));
    this.#held.remove(line, offset);
  }

  /** @returns whether the stage has taken it; otherwise it is parked */
  async #tryRecord(record: LogRecord, attempts: number): Promise<boolean> {
    try {
      const input: Input =
        this.#dependencies.topology.decode === 'raw'
          ? { kind: 'record', record, atMs: record.timestampMs }
          : { kind: 'event', event: await decodeEvent(this.#dependencies.codec, record), record, atMs: record.timestampMs };
      await this.#apply(input, placeOf(record));
      return true;
    } catch (error) {
      if (isToWait(error)) throw error;
      const code = error instanceof StreamError ? error.code : 'STAGE_FAILED';
      this.#hold(record, { code, reason: error instanceof Error ? error.message : String(error), attempts: attempts + 1 });
      return false;
    }
  }

  /** What somebody wants to become of a parked record or job. Twice the same changes nothing twice: by then it is no longer parked. */
  async #takeCommand(record: LogRecord): Promise<void> {
    const command = await findCommand(this.#dependencies.codec, record);
    if (!command) return void this.#ignored.push('no command that can be read');
    if (command.data.app !== this.#dependencies.topology.group) return;
    const isDone = command.data.kind === 'job' ? await this.#commandJob(command, record) : await this.#commandRecord(command);
    if (!isDone) this.#ignored.push('a command for what is not parked');
  }

  async #commandRecord({ type, data: { id }, meta }: ParkedCommand): Promise<boolean> {
    const row = await this.#reading(() => this.#get(heldStore, id, 'HeldRecord'));
    const isDrop = type === 'ParkedDropRequested';
    if (!row || (!isDrop && row.status !== 'parked')) return false;
    // Retried means: its turn has come, like that of any other in the line.
    const data: HeldRecord = { ...row, status: 'waiting' };
    this.#put(this.#rowOf({ store: heldStore, key: id, row: isDrop ? null : { type: 'HeldRecord', data }, origin: meta.id }));
    if (isDrop) this.#held.remove(lineOf(row), row.offset);
    else this.#held.set(lineOf(row), entryOf(data));
    return true;
  }

  async #commandJob({ type, data: { id }, meta }: ParkedCommand, { timestampMs }: LogRecord): Promise<boolean> {
    const row = this.#dependencies.topology.jobTopic && (await this.#reading(() => this.#get(jobStore, id, 'Job')));
    if (row?.status !== 'parked') return false;
    if (type === 'ParkedDropRequested') this.#put(this.#rowOf({ store: jobStore, key: id, row: null, origin: meta.id }));
    // Caused by whoever asked: what follows from this run is not what followed from the first ones.
    else this.#putJob({ ...row, status: 'due', attempt: 0, notBeforeMs: timestampMs, causeId: meta.id }, meta.id);
    return true;
  }

  async takeJobEnd({ job, end, atMs }: Extract<Work, { kind: 'job-end' }>): Promise<void> {
    const row = await this.#reading(() => this.#get(jobStore, job.id, 'Job'));
    const isCurrent =
      row?.status === 'due' && row.causeId === job.causeId && row.attempt === job.attempt && row.createdAtMs === job.createdAtMs;
    if (!isCurrent) return; // Replaced or cancelled while it ran.
    const spec = this.#dependencies.topology.jobs?.[job.kind];
    const origin = `job/${job.id}`;
    const attempts = job.attempt + 1;
    if (!end.ok && !end.final && spec && attempts < spec.attemptsMax) {
      this.#putJob({ ...row, attempt: attempts, notBeforeMs: end.retryAtMs, lastError: failureText(end) }, origin);
      return;
    }
    // Before the step, which may schedule the same id anew.
    if (end.ok) this.#put(this.#rowOf({ store: jobStore, key: job.id, row: null, origin }));
    else this.#putJob({ ...row, attempt: attempts, status: 'parked', lastError: failureText(end) }, origin);
    try {
      await this.#apply(
        end.ok
          ? { kind: 'job-done', job, result: end.result, atMs }
          : { kind: 'job-failed', job, failure: { code: end.code, reason: end.reason, attempts }, atMs },
        origin,
      );
    } catch (error) {
      if (isToWait(error)) throw error;
      this.#putJob(
        {
          ...row,
          attempt: attempts,
          status: 'parked',
          lastError: `STAGE_FAILED: ${error instanceof Error ? error.message : String(error)}`.slice(0, 2_000),
        },
        origin,
      );
    }
  }

  finish(): Draft {
    const { topology, partition, codec, clock } = this.#dependencies;
    const rows = [...this.#rows.values()];
    const changes = rows.map(({ store, key, value, origin }): NewRecord => {
      const topic = store === jobStore ? topology.jobTopic! : store === heldStore ? topology.held : topology.stores[store]!;
      return { topic: topic.name, partition, key, value, headers: { 'waybill-origin': Buffer.from(origin) } };
    });
    const jobs = rows
      .filter(({ store }) => store === jobStore)
      .map(({ key, row }) => [key, (row?.data as Job | undefined) ?? null] as const);
    return {
      records: [...this.#events, ...changes, ...this.#marks.records(codec, partition)],
      puts: [...rows.map(({ store, key, value }) => ({ store, key, value })), ...this.#marks.puts()],
      sweeps: this.#marks.sweeps(clock.now()),
      consumed: this.#consumed,
      jobs: new Map(jobs),
      held: this.#held,
      parked: this.#parked,
      ignored: this.#ignored,
    };
  }

  /** All of a step or, when anything in it is wrong, nothing: every check and encoding comes before the first change. */
  async #apply(input: Input, origin: string): Promise<void> {
    const { topology } = this.#dependencies;
    this.#atMs = input.atMs;
    const step = await this.#reading(() => topology.handle(input, this.#context));
    const outcome = outcomeOf(topology, input, step);
    const events = outcome.events.map(({ emit, event }) => this.#encode(emit, event));
    const changes: Change[] = (step.put ?? []).map(({ store, key, row }) => {
      if (!topology.stores[store]) throw new Error(`${topology.group} declares no store ${store}`);
      return { store, key, row, origin };
    });
    for (const id of step.cancel ?? []) changes.push({ store: jobStore, key: id, row: null, origin });
    for (const job of outcome.jobs) changes.push({ store: jobStore, key: job.id, row: { type: 'Job', data: job }, origin });
    const rows = changes.map((change) => this.#rowOf(change));
    for (const mark of step.mark ?? []) this.#marks.check(mark);
    this.#events.push(...events);
    for (const row of rows) this.#put(row);
    for (const mark of step.mark ?? []) this.#marks.add(mark, input.atMs);
    if (step.ignored !== undefined) this.#ignored.push(step.ignored);
  }

  /** Runs what reads rows; loads the schema that a row turns out to need, and runs it again. */
  async #reading<T>(read: () => T): Promise<T> {
    for (;;) {
      this.#unread = undefined;
      try {
        return read();
      } catch (error) {
        const bytes = this.#unread as Buffer | undefined; // Set by `#get`, which the compiler does not see.
        if (bytes === undefined) throw error;
        await this.#dependencies.codec.decode(bytes);
      }
    }
  }

  #encode(emit: NonNullable<Step['emit']>[number], event: Event): NewRecord {
    const { topology, log, codec } = this.#dependencies;
    if (!topology.outputs.includes(emit.topic)) throw new Error(`${topology.group} emits to ${emit.topic.name}, which it does not declare`);
    const partition = 'partition' in emit && emit.partition !== undefined ? emit.partition : log.partitionOf(emit.key);
    const record = encodeEvent(codec, { topic: emit.topic, partition, key: emit.key }, event);
    refuseLong(`${event.type} for ${emit.topic.name}`, record.value, valueBytesMax);
    return record;
  }

  #rowOf(change: Change): Row {
    const { store, key, row } = change;
    if (store === jobStore && !this.#dependencies.topology.jobTopic)
      throw new Error(`${this.#dependencies.topology.group} has no job topic`);
    const value = row === null ? null : this.#dependencies.codec.encode(row);
    refuseLong(`the key of a row of ${store}`, Buffer.from(`${store}${key}`), rowKeyBytesMax);
    refuseLong(`a row of ${store}`, value, store === heldStore ? heldBytesMax : valueBytesMax);
    return { ...change, value };
  }

  /** Sets a record aside: parked, where it has failed, else behind the one that has. */
  #hold(record: LogRecord, failure: Failure | undefined): void {
    const { topology, codec, clock, partition } = this.#dependencies;
    const place = placeOf(record);
    const row = heldRow(topology.group, record, failure, clock.now());
    const held = this.#rowOf({ store: heldStore, key: place, row: { type: 'HeldRecord', data: row }, origin: place });
    if (row.status === 'parked') {
      this.#events.push(encodeEvent(codec, { topic: topics.parked, partition, key: place }, parkedEvent(topology.group, row)));
      this.#parked.push({ code: row.code!, reason: row.reason!, record });
    }
    this.#put(held);
    this.#held.set(lineOf(record), entryOf(row));
  }

  #get<T extends RecordType>(store: string, key: string, type: T): Extract<TypedRecord, { type: T }>['data'] | undefined {
    const changed = this.#rows.get(`${store}\0${key}`);
    if (changed) return changed.row?.type === type ? (changed.row.data as never) : undefined;
    const bytes = this.#dependencies.store.get(store, key);
    this.#unread = bytes;
    const row = bytes && this.#dependencies.codec.decodeSync(bytes);
    this.#unread = undefined;
    return row?.type === type ? (row.data as never) : undefined;
  }

  #put(row: Row): void {
    this.#rows.set(`${row.store}\0${row.key}`, row);
  }

  #putJob(job: Job, origin: string): void {
    this.#put(this.#rowOf({ store: jobStore, key: job.id, row: { type: 'Job', data: job }, origin }));
  }
}

type ParkedCommand = EventOf<'ParkedRetryRequested'> | EventOf<'ParkedDropRequested'>;

/** Anybody may write to the topic: what is no command must not lie in the way of those behind it, and is in the audit anyway. */
async function findCommand(codec: Codec, record: LogRecord): Promise<ParkedCommand | undefined> {
  try {
    const event = await decodeEvent(codec, record);
    return event.type === 'ParkedRetryRequested' || event.type === 'ParkedDropRequested' ? event : undefined;
  } catch (error) {
    if (isToWait(error)) throw error;
    return undefined;
  }
}

/** Neither the record nor the stage is at fault: the same work has to be tried again. */
const isToWait = (error: unknown): boolean => error instanceof StreamError && error.handling === 'retry';

/** Said here, where it parks one record: the broker or the store would say it of a whole transaction, for ever. */
function refuseLong(what: string, bytes: Buffer | null, bytesMax: number): void {
  if (bytes !== null && bytes.length > bytesMax) throw new Error(`${what} is ${bytes.length} bytes long; the limit is ${bytesMax}`);
}

const failureText = (end: Extract<JobEnd, { ok: false }>): string => `${end.code}: ${end.reason}`.slice(0, 2_000);
