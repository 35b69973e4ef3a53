import { topics, type Event, type HeldRecord, type Job, type TypedRecord } from '@waybill/domain';
import { outcomeOf } from './apply.ts';
import type { Clock } from './clock.ts';
import { isToWait, StreamError } from './errors.ts';
import { valueBytesMax, type Codec, type EventLog, type LogRecord, type NewRecord } from './event-log.ts';
import {
  drainedBytesMax,
  drainedMax,
  entryOf,
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
import { MarksDraft } from './marks.ts';
import { findParkedCommand, type ParkedCommandEvent } from './parked-command.ts';
import type { Gate } from './projection.ts';
import { decodeEvent, decodeEventSync, encodeEvent, PassedOn } from './record.ts';
import { refuseLong, RowsDraft, type Row } from './rows.ts';
import type { StateStore, StoreChanges, SweepOrder } from './state-store.ts';
import type { Context, Input, Step, Topology } from './topology.ts';
import { appOf } from './versions.ts';
import type { JobEnd, Work } from './work.ts';

/** Store name of the job rows; no topology can declare it, because a declared name is an identifier. */
export const jobStore = '@jobs';

/**
 * Bounds of one transaction, of which each costs five requests and up to 20 ms: what is waiting shares one, as far as these go. They
 * bound memory, what a crash makes to be done again, and for how long nothing else of the process gets its turn.
 */
export const worksMax = 5_000;
const bytesMax = 8 * 1_048_576;
const draftMsMax = 200;
/** Asking for the time costs as much as a small step. */
const worksPerLook = 32;

/** A transaction in the making: everything that a run of inputs leads to. Nothing of it is visible yet. */
export type Draft = {
  /** How many of the works it was made from, from the first on; the others are for the next one. */
  readonly worksCount: number;
  readonly records: readonly NewRecord[];
  readonly puts: StoreChanges['puts'];
  readonly sweeps: readonly SweepOrder[];
  /** Next offset per input topic. */
  readonly consumed: ReadonlyMap<string, number>;
  /** Job rows as they will be; `null` for those that end. */
  readonly jobs: ReadonlyMap<string, Job | null>;
  /** What is held as it will be. */
  readonly held: HeldLines;
  readonly parked: readonly { readonly code: string; readonly reason: string; readonly record: LogRecord }[];
  readonly ignored: readonly string[];
  readonly noted: readonly string[];
  /** Events that another version of the app has said. */
  readonly withheldCount: number;
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
  /** Of an app with versions. */
  readonly gate?: Gate | undefined;
};

/**
 * Runs the stage over works in order, each seeing the rows that the ones before it have left, and then over what was held and may go on.
 * Ends before the last work when the transaction is large enough, or has taken long enough.
 * What cannot be decoded, or makes the stage throw, is parked with its bytes and leaves no other trace; what comes after it with the
 * same topic and key is held behind it.
 * @throws StreamError `LOG_UNAVAILABLE` when a schema cannot be read now: the works wait
 */
export async function draftTransaction(dependencies: DraftDependencies, works: readonly Work[]): Promise<Draft> {
  const draft = new Drafting(dependencies);
  const startedMs = dependencies.clock.now();
  let count = 0;
  for (const work of works) {
    const isLate = count % worksPerLook === worksPerLook - 1 && dependencies.clock.now() - startedMs >= draftMsMax;
    if (isLate || draft.bytes >= bytesMax) break;
    count += 1;
    if (work.kind === 'record' && draft.takeAtOnce(work.record)) continue;
    if (work.kind === 'record') await draft.takeRecord(work.record);
    else await (work.kind === 'table' ? draft.takeTable(work) : draft.takeJobEnd(work));
  }
  await draft.drain();
  return { worksCount: count, ...draft.finish() };
}

class Drafting {
  readonly #dependencies: DraftDependencies;
  readonly #events: NewRecord[] = [];
  readonly #rows: RowsDraft;
  readonly #consumed = new Map<string, number>();
  readonly #held: HeldLines;
  readonly #parked: Draft['parked'][number][] = [];
  readonly #ignored: string[] = [];
  readonly #noted: string[] = [];
  readonly #marks: MarksDraft;
  readonly #context: Context;
  /** Of the input that is being handled. */
  #atMs = 0;
  #withheldCount = 0;
  /** What the values of its records come to, at least. */
  bytes = 0;

  constructor(dependencies: DraftDependencies) {
    this.#dependencies = dependencies;
    const { topology, store, codec } = dependencies;
    const own = { [heldStore]: topology.held, ...(topology.jobTopic && { [jobStore]: topology.jobTopic }) };
    this.#rows = new RowsDraft({ store, codec, topics: { ...topology.stores, ...own } });
    this.#held = new HeldLines(dependencies.held);
    this.#marks = new MarksDraft(topology, store);
    this.#context = {
      get: (name, key, type) => this.#rows.get(name, key, type) as never,
      keys: (name, range) => this.#rows.keys(name, range),
      isMarked: (marks, id) => this.#marks.isMarked(marks, id, this.#atMs),
      table: dependencies.table,
    };
  }

  /**
   * The way of almost every record: without a promise. Whatever is in its way (a schema to be loaded, a stage that throws) leaves
   * no trace and returns `false`; then `takeRecord` begins anew.
   */
  takeAtOnce(record: LogRecord): boolean {
    const { topology, codec } = this.#dependencies;
    if (record.topic === topics.parkedCommands.name) return false;
    if (!this.#held.isEmpty && this.#held.has(lineOf(record))) return false;
    try {
      const atMs = record.timestampMs;
      const input: Input =
        topology.decode === 'raw'
          ? { kind: 'record', record, atMs }
          : { kind: 'event', event: decodeEventSync(codec, record), record, atMs };
      this.#follow(input, this.#handle(input));
    } catch {
      return false;
    }
    this.#consumed.set(record.topic, record.offset + 1);
    return true;
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
        if (!this.#mayGoOn(line, first)) break;
        count += 1;
        bytes += first.bytes;
        await this.#drainFirst(line, first);
      }
    }
  }

  /** A version that follows leaves alone what no other has settled, however it came to hold it. */
  #mayGoOn(line: string, { offset }: HeldEntry): boolean {
    const { gate, partition } = this.#dependencies;
    return gate === undefined || gate.isLive || gate.isSettled({ topic: line.slice(0, line.indexOf('\0')), partition, offset });
  }

  async #drainFirst(line: string, { place, offset }: HeldEntry): Promise<void> {
    const row = await this.#reading(() => this.#rows.get(heldStore, place, 'HeldRecord'));
    if (!row) throw new StreamError('STORE_FAILED', `the row of ${place} is not there; delete the state folder, the log restores it`);
    if (!(await this.#tryRecord(heldRecord(row), row.attempts))) return;
    this.#put(heldStore, place, null);
    this.#held.remove(line, offset);
  }

  /** @returns whether the stage has taken it; otherwise it is parked */
  async #tryRecord(record: LogRecord, attempts: number): Promise<boolean> {
    try {
      const input: Input =
        this.#dependencies.topology.decode === 'raw'
          ? { kind: 'record', record, atMs: record.timestampMs }
          : { kind: 'event', event: await decodeEvent(this.#dependencies.codec, record), record, atMs: record.timestampMs };
      await this.#apply(input);
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
    const command = await findParkedCommand(this.#dependencies.codec, record);
    if (!command) return void this.#ignored.push('no command that can be read');
    if (command.data.app !== appOf(this.#dependencies.topology)) return;
    const isDone = command.data.kind === 'job' ? await this.#commandJob(command, record) : await this.#commandRecord(command);
    if (!isDone) this.#ignored.push('a command for what is not parked');
  }

  async #commandRecord({ type, data: { id } }: ParkedCommandEvent): Promise<boolean> {
    const row = await this.#reading(() => this.#rows.get(heldStore, id, 'HeldRecord'));
    const isDrop = type === 'ParkedDropRequested';
    if (!row || (!isDrop && row.status !== 'parked')) return false;
    // Retried means: its turn has come, like that of any other in the line.
    const data: HeldRecord = { ...row, status: 'waiting' };
    this.#put(heldStore, id, isDrop ? null : { type: 'HeldRecord', data });
    if (isDrop) this.#held.remove(lineOf(row), row.offset);
    else this.#held.set(lineOf(row), entryOf(data));
    return true;
  }

  async #commandJob({ type, data: { id }, meta }: ParkedCommandEvent, { timestampMs }: LogRecord): Promise<boolean> {
    const row = this.#dependencies.topology.jobTopic && (await this.#reading(() => this.#rows.get(jobStore, id, 'Job')));
    if (row?.status !== 'parked') return false;
    if (type === 'ParkedDropRequested') this.#put(jobStore, id, null);
    // Caused by whoever asked: what follows from this run is not what followed from the first ones.
    else this.#putJob({ ...row, status: 'due', attempt: 0, notBeforeMs: timestampMs, causeId: meta.id });
    return true;
  }

  async takeJobEnd({ job, end, atMs }: Extract<Work, { kind: 'job-end' }>): Promise<void> {
    const row = await this.#reading(() => this.#rows.get(jobStore, job.id, 'Job'));
    const isCurrent =
      row?.status === 'due' && row.causeId === job.causeId && row.attempt === job.attempt && row.createdAtMs === job.createdAtMs;
    if (!isCurrent) return; // Replaced or cancelled while it ran.
    const spec = this.#dependencies.topology.jobs?.[job.kind];
    const attempts = job.attempt + 1;
    if (!end.ok && !end.final && spec && attempts < spec.attemptsMax) {
      this.#putJob({ ...row, attempt: attempts, notBeforeMs: end.retryAtMs, lastError: failureText(end) });
      return;
    }
    // Before the step, which may schedule the same id anew.
    if (end.ok) this.#put(jobStore, job.id, null);
    else this.#putJob({ ...row, attempt: attempts, status: 'parked', lastError: failureText(end) });
    try {
      await this.#apply(this.#inputOfEnd(job, end, atMs));
    } catch (error) {
      if (isToWait(error)) throw error;
      const lastError = `STAGE_FAILED: ${error instanceof Error ? error.message : String(error)}`.slice(0, 2_000);
      this.#putJob({ ...row, attempt: attempts, status: 'parked', lastError });
    }
  }

  /** What the stage cannot take is told; it is for the next change, or the next start, to come to the same. */
  async takeTable({ table, atMs }: Extract<Work, { kind: 'table' }>): Promise<void> {
    try {
      await this.#apply({ kind: 'table', table, partition: this.#dependencies.partition, atMs });
    } catch (error) {
      if (isToWait(error)) throw error;
      this.#ignored.push(`the stage failed on a change of ${table}`);
    }
  }

  #inputOfEnd(job: Job, end: JobEnd, atMs: number): Input {
    if (!end.ok) return { kind: 'job-failed', job, failure: { code: end.code, reason: end.reason, attempts: job.attempt + 1 }, atMs };
    const isTimer = this.#dependencies.topology.timers?.includes(job.kind) ?? false;
    return isTimer ? { kind: 'timer', timer: job, atMs } : { kind: 'job-done', job, result: end.result, atMs };
  }

  finish(): Omit<Draft, 'worksCount'> {
    const { partition, codec, clock } = this.#dependencies;
    const rows = this.#rows.written(partition);
    const jobs = this.#rows.rowsOf(jobStore).map(({ key, row }) => [key, (row?.data as Job | undefined) ?? null] as const);
    return {
      records: [...this.#events, ...rows, ...this.#marks.records(codec, partition)],
      puts: [...rows, ...this.#marks.puts()],
      sweeps: this.#marks.sweeps(clock.now()),
      consumed: this.#consumed,
      jobs: new Map(jobs),
      held: this.#held,
      parked: this.#parked,
      ignored: this.#ignored,
      noted: this.#noted,
      withheldCount: this.#withheldCount,
    };
  }

  async #apply(input: Input): Promise<void> {
    await this.#reading(() => this.#follow(input, this.#handle(input)));
  }

  #handle(input: Input): Step {
    this.#atMs = input.atMs;
    return this.#dependencies.topology.handle(input, this.#context);
  }

  /** All of a step or, when anything in it is wrong, nothing: every check and encoding comes before the first change. */
  #follow(input: Input, step: Step): void {
    const { topology } = this.#dependencies;
    const outcome = outcomeOf(topology, input, step);
    const events = outcome.events.map(({ emit, event }) => this.#encode(input, emit, event));
    const rows: Row[] = [];
    for (const { store, key, row } of step.put ?? []) {
      if (!topology.stores[store]) throw new Error(`${topology.group} declares no store ${store}`);
      rows.push(this.#rows.prepare(store, key, row));
    }
    for (const id of step.cancel ?? []) rows.push(this.#rows.prepare(jobStore, id, null));
    for (const { id, priority } of step.prioritize ?? []) {
      const job = this.#rows.get(jobStore, id, 'Job');
      if (job !== undefined) rows.push(this.#rows.prepare(jobStore, id, { type: 'Job', data: { ...job, priority } }));
    }
    for (const job of outcome.jobs) rows.push(this.#rows.prepare(jobStore, job.id, { type: 'Job', data: job }));
    for (const mark of step.mark ?? []) this.#marks.check(mark);
    this.#say(input, events);
    for (const row of rows) this.#keep(row);
    for (const mark of step.mark ?? []) this.#marks.add(mark, input.atMs);
    if (step.ignored !== undefined) this.#ignored.push(step.ignored);
    this.#noted.push(...(step.noted ?? []));
  }

  /** Runs what reads rows; loads the schema that a row turns out to need, and runs it again. */
  async #reading<T>(read: () => T): Promise<T> {
    for (;;) {
      this.#rows.unread = undefined;
      try {
        return read();
      } catch (error) {
        const bytes = this.#rows.unread as Buffer | undefined; // Set by its `get`, which the compiler does not see.
        if (bytes === undefined) throw error;
        await this.#dependencies.codec.decode(bytes);
      }
    }
  }

  #encode(input: Input, emit: NonNullable<Step['emit']>[number], event: Event): NewRecord {
    const { topology, log, codec } = this.#dependencies;
    if (!topology.outputs.includes(emit.topic)) throw new Error(`${topology.group} emits to ${emit.topic.name}, which it does not declare`);
    const partition = 'partition' in emit && emit.partition !== undefined ? emit.partition : log.partitionOf(emit.key);
    const record =
      input.kind === 'event' && event === input.event
        ? new PassedOn(emit.topic.name, partition, emit.key, input.record)
        : encodeEvent(codec, { topic: emit.topic, partition, key: emit.key }, event);
    refuseLong(`${event.type} for ${emit.topic.name}`, record.value, valueBytesMax);
    return record;
  }

  /** Sets a record aside: parked, where it has failed, else behind the one that has. */
  #hold(record: LogRecord, failure: Failure | undefined): void {
    const { topology, codec, clock, partition } = this.#dependencies;
    const place = placeOf(record);
    const row = heldRow(appOf(topology), record, failure, clock.now());
    const held = this.#rows.prepare(heldStore, place, { type: 'HeldRecord', data: row });
    if (row.status === 'parked') {
      const event = encodeEvent(codec, { topic: topics.parked, partition, key: place }, parkedEvent(appOf(topology), row, topology.group));
      this.#say({ record }, [event]);
      this.#parked.push({ code: row.code!, reason: row.reason!, record });
    }
    this.#keep(held);
    this.#held.set(lineOf(record), entryOf(row));
  }

  #put(store: string, key: string, row: TypedRecord | null): void {
    this.#keep(this.#rows.prepare(store, key, row));
  }

  #keep(row: Row): void {
    this.#rows.put(row);
    this.bytes += row.value?.length ?? 0;
  }

  /** What another version has said of the record is not said again. */
  #say(input: Input | { readonly record: LogRecord }, events: readonly NewRecord[]): void {
    const isSaid = 'record' in input && (this.#dependencies.gate?.isSettled(input.record) ?? false);
    if (isSaid) this.#withheldCount += events.length;
    for (const event of isSaid ? [] : events) {
      this.#events.push(event);
      this.bytes += event.value?.length ?? 0;
    }
  }

  #putJob(job: Job): void {
    this.#put(jobStore, job.id, { type: 'Job', data: job });
  }
}

const failureText = (end: Extract<JobEnd, { ok: false }>): string => `${end.code}: ${end.reason}`.slice(0, 2_000);
