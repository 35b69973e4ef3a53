import { topics, type Topic } from '@waybill/domain';
import { draftTransaction, jobStore, worksMax, type Draft, type DraftDependencies } from './draft.ts';
import { StreamError } from './errors.ts';
import { entryOf, heldMax, heldStore, HeldLines, lineOf, type HeldEntry, type HeldMax } from './held.ts';
import type { LogRecord, Membership, Offsets, Writer } from './event-log.ts';
import type { JobPool } from './job-pool.ts';
import { marksTopics } from './marks.ts';
import { isNext, openGate, type Gate } from './projection.ts';
import { restore, type RestoreProgress } from './restore.ts';
import { ofStore, type TaskStore } from './state-store.ts';
import { countByTopic, type JobEnd, type Work } from './work.ts';
import { inputsOf, type JobRow } from './topology.ts';

export type TaskOptions = Omit<DraftDependencies, 'held' | 'gate'> & {
  readonly store: TaskStore;
  readonly pool: JobPool;
  readonly membership: Membership;
  /** What may be held before no record is taken any more. */
  readonly heldMax?: HeldMax;
  readonly onCommit: (draft: Draft, durationMs: number, inputs: ReadonlyMap<string, number>) => void;
  readonly onRestore?: ((progress: RestoreProgress) => void) | undefined;
  /** Something failed and is being recovered from; for the log of the app. */
  readonly onFault: (error: unknown) => void;
  /** What this task is among the versions of its app; not called for an app that has none. */
  readonly onRole?: ((partition: number, isLive: boolean) => void) | undefined;
  /** The local state cannot be kept: the process must end. */
  readonly onBroken: (error: Error) => void;
};

/** How long closing waits for the transaction under way, and then for the disk. */
const drainMsMax = 8_000;
const storeCloseMsMax = 8_000;

/** How often a version that follows asks how far the others are, while it has to wait for them. */
const lookIntervalMs = 1_000;

type Pending = { readonly work: Work; readonly settle: PromiseWithResolvers<void> | undefined };

/**
 * One partition number of an app: its inputs, its rows, its writer. Takes works in order, several to a transaction, and is the
 * only one to touch its store. Life: open (fence, look up, restore) - take - close.
 */
export class Task {
  readonly #options: TaskOptions;
  readonly #stores: Readonly<Record<string, Topic>>;
  readonly #inbox: Pending[] = [];
  readonly #held = new HeldLines();
  readonly #closed = new AbortController();
  #writer: Writer;
  /** Committed. */
  #next: Map<string, number>;
  /** Taken into the inbox: a fetch that begins anew after a rebalance repeats them. */
  readonly #accepted: Map<string, number>;
  #membership: Membership;
  #gate: Gate | undefined;
  /** How often it was said that another version may be live, and up to which the gate knows it; -1 while that is being found out. */
  #words = 0;
  /** Whose change nobody has looked at yet. */
  readonly #changedTables = new Set<string>();
  #wordsKnown = 0;
  #pause = new AbortController();
  #pump: Promise<void> | undefined;

  private constructor(options: TaskOptions, stores: Readonly<Record<string, Topic>>, writer: Writer, next: Offsets) {
    this.#options = options;
    this.#stores = stores;
    this.#writer = writer;
    this.#next = new Map(next);
    this.#accepted = new Map(next);
    this.#membership = options.membership;
  }

  /**
   * Fences the predecessor first, so that what it left open is decided, then asks where it got to, then restores.
   * @throws StreamError `OFFSET_EXPIRED` when retention has passed the committed offset, `STORE_FAILED`; AbortError when `signal` fires
   */
  static async open(options: TaskOptions, signal?: AbortSignal): Promise<Task> {
    const { topology, log, codec, store, partition } = options;
    const own = { [heldStore]: topology.held, ...(topology.jobTopic && { [jobStore]: topology.jobTopic }) };
    const stores = { ...topology.stores, ...marksTopics(topology), ...own };
    const writer = await log.openWriter(topology.group, partition, signal);
    const gate = await openGate({ log, codec, topology, partition }, signal);
    const names = inputsOf(topology).map(({ name }) => name);
    const next = await log.committed(topology.group, names, partition, signal);
    await Promise.all([...next].map(([topic, offset]) => refuseExpired(options, topic, offset, signal)));
    const onProgress = options.onRestore;
    await restore({ log, codec, store, stores, partition, nowMs: options.clock.now(), onProgress, ...(signal && { signal }) });
    const task = new Task(options, stores, writer, next);
    task.#gate = gate;
    if (gate) options.onRole?.(partition, gate.isLive);
    await task.#loadRows();
    task.#wake();
    return task;
  }

  /** Next offset to read per input topic. */
  get next(): Offsets {
    return this.#accepted;
  }

  /** Records that are parked or wait behind one. */
  get heldCount(): number {
    return this.#held.count;
  }

  /** Lost to another member or broken: of no more use. */
  get isClosed(): boolean {
    return this.#closed.signal.aborted;
  }

  set membership(membership: Membership) {
    this.#membership = membership;
  }

  /**
   * Another version may be live by now. The one that was goes on until the new one fences it, partition by partition: so long nobody
   * else speaks.
   */
  reconsider(): void {
    if (!this.#gate) return;
    this.#words += 1;
    this.#pause.abort();
    this.#wake();
  }

  get #isOutdated(): boolean {
    return this.#gate !== undefined && this.#words !== this.#wordsKnown && (!this.#gate.isLive || this.#wordsKnown < 0);
  }

  /** A watched table is not what it was. However often that is said, what has not been taken yet is taken once. */
  tableChanged(table: string): void {
    if (this.#changedTables.has(table)) return;
    this.#changedTables.add(table);
    this.#inbox.push({ work: { kind: 'table', table, atMs: this.#options.clock.now() }, settle: undefined });
    this.#wake();
  }

  /** Resolves once all records are committed, or were before. Rejects with `FENCED` when the task is lost or closed. */
  async takeRecords(records: readonly LogRecord[]): Promise<void> {
    const fresh = records.filter((record) => record.offset >= (this.#accepted.get(record.topic) ?? 0));
    const last = fresh.at(-1);
    if (!last) return;
    this.#accepted.set(last.topic, last.offset + 1);
    const settle = Promise.withResolvers<void>();
    fresh.forEach((record, index) =>
      this.#inbox.push({ work: { kind: 'record', record }, settle: index === fresh.length - 1 ? settle : undefined }),
    );
    this.#wake();
    await settle.promise;
  }

  async takeJobEnd(job: JobRow, end: JobEnd, atMs: number): Promise<void> {
    const settle = Promise.withResolvers<void>();
    this.#inbox.push({ work: { kind: 'job-end', job, end, atMs }, settle });
    this.#wake();
    await settle.promise;
  }

  /**
   * Finishes the transaction under way and lets go. What is not committed will be read again by the next owner.
   * Bounded, also while the log gives no answer: then the transaction is left to the next writer to decide.
   * @throws StreamError `STORE_FAILED` when the store could not write what it had, or has not done so in time
   */
  async close(drainMs = drainMsMax): Promise<void> {
    this.#options.pool.removeOwner(this);
    this.#closed.abort(new StreamError('FENCED', 'the task is closed'));
    const drained = (this.#pump ?? Promise.resolve()).then(() => true);
    const isDrained = await Promise.race([drained, this.#options.clock.bound(drainMs).then(() => false)]);
    await this.#writer.close();
    this.#rejectAll(this.#closed.signal.reason);
    // A store that is still in use is left open: the process is about to end, and its next life opens it as after a kill -9.
    if (isDrained || (await Promise.race([drained, this.#options.clock.bound(1_000).then(() => false)]))) await this.#closeStore();
  }

  async #closeStore(): Promise<void> {
    const { store, clock, topology, partition } = this.#options;
    const isClosed = await Promise.race([store.close().then(() => true), clock.bound(storeCloseMsMax).then(() => false)]);
    if (isClosed) return;
    const what = `the store of partition ${partition} of ${topology.group} is still closing after ${storeCloseMsMax} ms`;
    throw new StreamError('STORE_FAILED', `${what}: look at its disk; what it has not written is read from the log at the next start`);
  }

  #wake(): void {
    if (this.#closed.signal.aborted) this.#rejectAll(this.#closed.signal.reason);
    else this.#pump ??= this.#run();
  }

  async #run(): Promise<void> {
    await Promise.resolve(); // So that what arrives in this turn shares a transaction.
    while ((this.#inbox.length > 0 || this.#held.canGoOn || this.#isOutdated) && !this.#closed.signal.aborted) {
      try {
        if (this.#isOutdated) await this.#renew(new StreamError('FENCED', 'another version may be live'));
        const chosen = this.#choose();
        if (chosen.length === 0 && this.#gate?.isLive === false) {
          await this.#awaitOthers(this.#gate);
          if (!this.#held.canGoOn) continue;
        }
        const taken = chosen.slice(0, await this.#transact(chosen.map(({ work }) => work)));
        this.#leave(taken);
        for (const { settle } of taken) settle?.resolve();
      } catch (error) {
        if (!this.#closed.signal.aborted) await this.#recover(error);
      }
    }
    this.#pump = undefined; // In the same turn as the last look at the inbox: what comes later starts a run of its own.
  }

  async #awaitOthers(gate: Gate): Promise<void> {
    this.#pause = new AbortController();
    const { signal } = this.#closed;
    await this.#options.clock.sleep(lookIntervalMs, AbortSignal.any([signal, this.#pause.signal])).catch(() => undefined);
    if (!signal.aborted) await gate.look(signal);
  }

  /** While too much is held no record is taken, since it might have to be held too. Commands, jobs and what may go on get through. */
  #choose(): readonly Pending[] {
    const { topology, partition, heldMax: max = heldMax } = this.#options;
    const waiting = this.#gate?.isLive === false ? this.#inbox.slice(0, worksMax).filter(isNext(this.#gate)) : this.#inbox;
    if (!this.#held.isFull(max) || waiting.length === 0) return waiting.slice(0, worksMax);
    const others = waiting.filter(({ work }) => work.kind !== 'record' || work.record.topic === topics.parkedCommands.name);
    if (others.length > 0 || this.#held.canGoOn) return others.slice(0, worksMax);
    const { count, bytes } = this.#held;
    const what = `${count} records (${bytes} bytes) of partition ${partition} of ${topology.group} wait behind parked ones`;
    throw new StreamError('HELD_FULL', `${what}: see \`waybill parked list\`, then retry or drop some`);
  }

  #leave(taken: readonly Pending[]): void {
    if (taken.at(-1) === this.#inbox[taken.length - 1]) this.#inbox.splice(0, taken.length);
    else {
      const gone = new Set(taken);
      this.#inbox.splice(0, Infinity, ...this.#inbox.filter((pending) => !gone.has(pending)));
    }
  }

  /** @returns how many of the works are done */
  async #transact(works: readonly Work[]): Promise<number> {
    const startedMs = this.#options.clock.now();
    // Before the stage looks at them: what changes from now on it may miss.
    for (const work of works) if (work.kind === 'table') this.#changedTables.delete(work.table);
    const draft = await draftTransaction({ ...this.#options, held: this.#held, gate: this.#gate }, works);
    const written = await this.#writer.commit({ records: draft.records, consumed: draft.consumed, partition: this.#options.partition });
    await ofStore(this.#keep(draft, written));
    for (const [topic, offset] of draft.consumed) this.#next.set(topic, offset);
    this.#options.onCommit(draft, this.#options.clock.now() - startedMs, countByTopic(works.slice(0, draft.worksCount)));
    return draft.worksCount;
  }

  /** The log has it; now the local copy. Dying in between costs a short restore. */
  async #keep(draft: Draft, written: Offsets): Promise<void> {
    if (draft.puts.length > 0) {
      const stateTopics = new Set(Object.values(this.#stores).map(({ name }) => name));
      const moved = [...written].filter(([topic]) => stateTopics.has(topic));
      const changelog = new Map([...this.#options.store.position().changelog, ...moved]);
      await this.#options.store.commit({ puts: draft.puts, position: { changelog } });
      for (const sweep of draft.sweeps) this.#options.store.sweep(sweep);
    }
    this.#held.adopt(draft.held);
    for (const [id, job] of draft.jobs) this.#schedule(id, job);
  }

  /**
   * After a transaction without a known outcome: a new writer decides it (an open one is aborted), then the log is asked.
   * What turns out to be committed is skipped, because the offsets and the rows have moved; the rest is done again.
   */
  async #recover(error: unknown): Promise<void> {
    if (!(error instanceof StreamError) || error.handling === 'park') return this.#break(error);
    if (error.handling === 'stop' && error.code !== 'FENCED') return this.#break(error);
    this.#options.onFault(error);
    const signal = this.#closed.signal;
    try {
      await this.#options.clock.sleep(error.handling === 'retry' ? 1_000 : 50, signal);
      if (error.handling === 'retry') return;
      await this.#renew(error);
    } catch (failure) {
      // Another one was opening its writer at the same moment: the spent writer leads here again, and the group is asked again.
      if (failure instanceof StreamError && failure.code === 'FENCED') this.#options.onFault(failure);
      else this.#break(failure);
    }
  }

  async #renew(cause: StreamError): Promise<void> {
    if (await this.#isStillOurs()) await this.#reopen();
    else this.#lose(cause);
  }

  /** A new writer would fence whoever owns the partition by now; so the group is asked first. */
  async #isStillOurs(): Promise<boolean> {
    for (;;) {
      const asked = this.#membership;
      try {
        await asked.verify(this.#closed.signal);
        return true;
      } catch {
        // By the time of the answer the group may have given the partition to this member again.
        if (this.#closed.signal.aborted || asked === this.#membership) return false;
      }
    }
  }

  async #reopen(): Promise<void> {
    const { log, codec, topology, partition, store, clock, onRestore, onRole } = this.#options;
    const signal = this.#closed.signal;
    await this.#writer.close();
    const words = this.#words;
    if (this.#gate) this.#wordsKnown = -1; // However this ends: a new writer must know its role.
    this.#writer = await log.openWriter(topology.group, partition, signal);
    const gate = await openGate({ log, codec, topology, partition }, signal);
    if (gate && gate.isLive !== this.#gate?.isLive) onRole?.(partition, gate.isLive);
    const names = inputsOf(topology).map(({ name }) => name);
    const committed = await log.committed(topology.group, names, partition, signal);
    const from = { log, codec, store, stores: this.#stores, partition };
    const restored = await ofStore(restore({ ...from, nowMs: clock.now(), onProgress: onRestore, signal }));
    this.#next = new Map(committed);
    // Another owner may have come further in between: what it has committed must not be taken from later fetches either.
    for (const [topic, offset] of committed) this.#accepted.set(topic, Math.max(offset, this.#accepted.get(topic) ?? 0));
    if (restored > 0) await this.#loadRows();
    this.#dropCommitted();
    this.#gate = gate;
    this.#wordsKnown = words;
  }

  /** Records of the inbox that the log already has. A job end that is committed is recognised by its row when it is drafted again. */
  #dropCommitted(): void {
    const isCommitted = ({ work }: Pending): boolean =>
      work.kind === 'record' && work.record.offset < (this.#next.get(work.record.topic) ?? 0);
    const kept = this.#inbox.filter((pending) => !isCommitted(pending));
    const dropped = this.#inbox.filter(isCommitted);
    this.#inbox.splice(0, this.#inbox.length, ...kept);
    for (const { settle } of dropped) settle?.resolve();
  }

  async #loadRows(): Promise<void> {
    await this.#loadJobs();
    await this.#loadHeld();
  }

  async #loadHeld(): Promise<void> {
    const { store, codec } = this.#options;
    this.#held.clear();
    const found: { readonly line: string; readonly entry: HeldEntry }[] = [];
    for (const place of [...store.entries(heldStore)].map(([key]) => key)) {
      const row = await codec.decode(store.get(heldStore, place)!);
      if (row.type === 'HeldRecord') found.push({ line: lineOf(row.data), entry: entryOf(row.data) });
    }
    // In the order of offsets, which that of the places is not: each is then set at the end of its line.
    for (const { line, entry } of found.toSorted((a, b) => a.entry.offset - b.entry.offset)) this.#held.set(line, entry);
  }

  /** Makes the pool agree with the rows, also with those that are gone. */
  async #loadJobs(): Promise<void> {
    const { topology, store, codec, pool } = this.#options;
    if (!topology.jobTopic) return;
    const rows = [...store.entries(jobStore)];
    pool.retain(this, new Set(rows.map(([id]) => id)));
    const jobs: JobRow[] = [];
    for (const [, bytes] of rows) {
      const row = await codec.decode(bytes); // Not `decodeSync`: another version of the app may have written it.
      if (row.type === 'Job') jobs.push(row.data);
    }
    for (const job of jobs) this.#schedule(job.id, job); // In one turn, so that the first to run is the first of all.
  }

  #schedule(id: string, job: JobRow | null): void {
    this.#options.pool.set(this, id, job, (ended, end, atMs) => this.takeJobEnd(ended, end, atMs));
  }

  /** To another member; it does what is left. However the task came to know: to whoever waits the partition is gone. */
  #lose(cause: StreamError): void {
    const fenced = cause.code === 'FENCED' ? cause : new StreamError('FENCED', 'the group has given the partition away', { cause });
    this.#options.pool.removeOwner(this);
    this.#closed.abort(fenced);
    this.#rejectAll(fenced);
  }

  #break(error: unknown): void {
    if (this.#closed.signal.aborted) return;
    const failure = error instanceof Error ? error : new Error(String(error));
    this.#closed.abort(failure);
    this.#rejectAll(failure);
    this.#options.onBroken(failure);
  }

  #rejectAll(error: unknown): void {
    for (const { settle } of this.#inbox.splice(0)) settle?.reject(error);
  }
}

async function refuseExpired(options: TaskOptions, topic: string, offset: number, signal: AbortSignal | undefined): Promise<void> {
  const { log, topology, partition } = options;
  const { first } = await log.bounds({ topic, partition }, signal);
  if (first <= offset) return;
  const where = `${topic}/${partition}: ${topology.group} stands at offset ${offset}, but retention has removed everything before ${first}`;
  throw new StreamError(
    'OFFSET_EXPIRED',
    `${where}: records were lost; restore the topic, or accept the loss by moving the group's offsets`,
  );
}
