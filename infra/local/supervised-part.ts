import { setTimeout as sleep } from 'node:timers/promises';
import { InfraError } from './errors.ts';
import { start, untilReady, type Launch, type Running } from './launch.ts';
import { findLiving, stopProcess, type ProcessExit } from './process.ts';
import { lastLines, sizeOf } from './readiness.ts';
import { countDeaths, restartDelayMs, restartPolicy, type RestartPolicy } from './restart-delay.ts';

export type PartStatus = 'waiting' | 'starting' | 'ready' | 'restarting' | 'held' | 'done' | 'failed' | 'stopped';

export type PartState = {
  readonly name: string;
  readonly status: PartStatus;
  readonly address: string;
  readonly pid?: number | undefined;
  readonly startedAtMs?: number | undefined;
  readonly restarts: number;
  /** How it ended last, for people. */
  readonly lastEnd?: string;
};

/** A process that dies so often before it ever served will not come up: better to say so than to wait. */
const deathsBeforeReadyMax = 5;

/** Keeps one process alive until told to stop. It knows nothing of other parts: their order is the supervisor's. */
export class SupervisedPart {
  readonly launch: Launch;
  readonly #policy: RestartPolicy;
  readonly #onChange: () => void;
  readonly #stopping = new AbortController();
  readonly #firstReady = Promise.withResolvers<void>();
  #state: PartState;
  #running: Running | undefined;
  #life: Promise<void> | undefined;
  /** Pending while the part is held away. */
  #release: PromiseWithResolvers<void> | undefined;

  constructor(launch: Launch, onChange: () => void, policy: RestartPolicy = restartPolicy) {
    this.launch = launch;
    this.#policy = policy;
    this.#onChange = onChange;
    this.#state = { name: launch.name, status: 'waiting', address: launch.address, restarts: 0 };
    this.#firstReady.promise.catch(() => {}); // Whoever starts the part hears of it; nobody else must.
  }

  get state(): PartState {
    return this.#state;
  }

  /** Resolves once it serves for the first time. @throws InfraError `NOT_READY` with its last log lines */
  async start(): Promise<void> {
    this.#life ??= this.#live();
    return this.#firstReady.promise;
  }

  /** Ends it in order, for good. */
  async stop(): Promise<void> {
    this.#stopping.abort();
    this.#release?.resolve();
    await this.#running?.stop();
    await this.#life;
    this.#firstReady.resolve(); // Nobody shall wait for it any more.
    this.#change({ status: 'stopped' });
  }

  /** SIGKILL, as a crash would; it comes back by itself. */
  async kill(): Promise<void> {
    const running = this.#running;
    if (running === undefined) return;
    this.#change({ status: 'restarting' });
    await running.kill();
  }

  /** SIGKILL, and it stays away until `release`. */
  async hold(): Promise<void> {
    this.#release ??= Promise.withResolvers<void>();
    await this.kill();
  }

  release(): void {
    this.#release?.resolve();
    this.#release = undefined;
  }

  /** Waits until it is in service. @throws InfraError `NOT_READY` after `timeoutMs`, with the end of its log */
  async ready(timeoutMs = 60_000): Promise<void> {
    for (const deadlineMs = performance.now() + timeoutMs; this.#state.status !== 'ready'; await sleep(50)) {
      if (performance.now() < deadlineMs) continue;
      const end = lastLines(this.launch.logPath, 25);
      throw new InfraError('NOT_READY', `${this.launch.name} is ${this.#state.status} after ${timeoutMs} ms. End of its log:\n${end}`);
    }
  }

  #change(next: Partial<PartState>): void {
    this.#state = { ...this.#state, ...next };
    this.#onChange();
  }

  async #live(): Promise<void> {
    for (let deaths = 0; !this.#stopping.signal.aborted;) {
      const logFromBytes = sizeOf(this.launch.logPath);
      const ranMs = await this.#runOnce(logFromBytes);
      if (this.#stopping.signal.aborted) return;
      deaths = countDeaths(deaths, ranMs, this.#policy);
      if (deaths >= deathsBeforeReadyMax) this.#firstReady.reject(neverReady(this.launch, deaths, logFromBytes));
      this.#change({ restarts: this.#state.restarts + 1 });
      if (this.#release === undefined) {
        await sleep(restartDelayMs(deaths, this.#policy), undefined, { signal: this.#stopping.signal }).catch(() => {});
      } else {
        this.#change({ status: 'held' });
        await this.#release.promise;
      }
    }
  }

  /** One life of the process. @returns how long it lasted, in milliseconds */
  async #runOnce(logFromBytes: number): Promise<number> {
    const startedAtMs = Date.now();
    try {
      await endOrphan(this.launch);
      const running = await start(this.launch);
      this.#running = running;
      this.#change({ status: 'starting', pid: running.pid, startedAtMs });
      if (this.#stopping.signal.aborted) await running.stop(); // Told to stop while it was being started.
      void this.#watchReadiness(running, logFromBytes);
      this.#change({ lastEnd: describeExit(await running.exited) });
    } catch (error) {
      this.#change({ lastEnd: (error as Error).message });
    }
    this.#running = undefined;
    this.#change({ status: 'restarting', pid: undefined, startedAtMs: undefined });
    return Date.now() - startedAtMs;
  }

  async #watchReadiness(running: Running, logFromBytes: number): Promise<void> {
    try {
      await untilReady(this.launch, running.pid, logFromBytes);
      if (this.#running === running && this.#state.status === 'starting') this.#change({ status: 'ready' });
      this.#firstReady.resolve();
    } catch (error) {
      // Alive but silent; a death counts elsewhere, and may be seen here a moment before its exit is told.
      const hasEnded = await Promise.race([running.exited.then(() => true), sleep(250, false)]);
      if (!hasEnded && !this.#stopping.signal.aborted && this.#running === running) this.#firstReady.reject(error);
    }
  }
}

/** A process that outlived the supervisor that started it would hold the port and the data. */
async function endOrphan(launch: Launch): Promise<void> {
  const orphan = findLiving(launch.pidPath);
  if (orphan !== undefined) await stopProcess(orphan, launch.stopGraceMs);
}

const describeExit = ({ code, signal }: ProcessExit): string => (signal === null ? `exit code ${code}` : signal);

function neverReady(launch: Launch, deaths: number, logFromBytes: number): InfraError {
  const end = lastLines(launch.logPath, 25, logFromBytes);
  return new InfraError('NOT_READY', `${launch.name} ended ${deaths} times before it was ready. End of ${launch.logPath}:\n${end}`);
}
