import { InfraError } from './errors.ts';
import { start, type Launch, type Running } from './launch.ts';
import { rotateLog } from './log-files.ts';
import { lastLines, sizeOf } from './readiness.ts';
import { SupervisedPart, type PartState, type PartStatus } from './supervised-part.ts';

/**
 * `serve` is kept alive; `once` must end well within its launch's `readyTimeoutMs` before the rest of its phase starts. Phases start
 * in order and stop in the opposite one; the parts of a phase start and stop together.
 */
export type Part = { readonly launch: Launch; readonly phase: number; readonly mode: 'serve' | 'once' };

export type SupervisorOptions = {
  readonly onChange?: (states: readonly PartState[]) => void;
  /** Of each log file; one older file beside it may be as large. */
  readonly logBytesMax?: number;
};

const rotationIntervalMs = 5_000;

/** Brings parts up in order, keeps them alive, takes them down the opposite way. */
export class Supervisor {
  readonly #parts: readonly Part[];
  readonly #serving: ReadonlyMap<string, SupervisedPart>;
  readonly #phases: readonly number[];
  readonly #logBytesMax: number;
  readonly #changed: () => void;
  /** Of `once` parts, which have no supervision of their own. */
  readonly #onceStates = new Map<string, PartState>();
  #isStopping = false;
  #rotation: NodeJS.Timeout | undefined;
  #once: Running | undefined;

  constructor(parts: readonly Part[], { onChange, logBytesMax = 16 * 1024 * 1024 }: SupervisorOptions = {}) {
    this.#parts = parts;
    this.#logBytesMax = logBytesMax;
    this.#changed = (): void => onChange?.(this.states());
    const serving = parts.filter(({ mode }) => mode === 'serve');
    this.#serving = new Map(serving.map(({ launch }) => [launch.name, new SupervisedPart(launch, this.#changed)]));
    this.#phases = [...new Set(parts.map(({ phase }) => phase))].sort((a, b) => a - b);
  }

  /** In the order of the plan. */
  states(): readonly PartState[] {
    const waiting = ({ name, address }: Launch): PartState => ({ name, address, status: 'waiting', restarts: 0 });
    return this.#parts.map(({ launch }) => this.#serving.get(launch.name)?.state ?? this.#onceStates.get(launch.name) ?? waiting(launch));
  }

  /** @throws Error for an unknown name, saying which there are */
  part(name: string): SupervisedPart {
    const part = this.#serving.get(name);
    if (part === undefined) throw new Error(`no part ${name}; there are ${[...this.#serving.keys()].join(', ')}`);
    return part;
  }

  /** Resolves once all serve, or early when stopped. @throws InfraError `NOT_READY` or `DEPLOY_FAILED` of the first that fails */
  async start(): Promise<void> {
    this.#rotation = setInterval(() => this.#rotate(), rotationIntervalMs).unref();
    for (const phase of this.#phases) {
      for (const { launch } of this.#parts.filter((part) => part.phase === phase && part.mode === 'once')) await this.#runToEnd(launch);
      if (this.#isStopping) return;
      await Promise.all(this.#ofPhase(phase).map((part) => part.start()));
      if (this.#isStopping) return;
    }
  }

  /** Safe at any time, also during `start`; no process is left afterwards. */
  async stop(): Promise<void> {
    this.#isStopping = true;
    clearInterval(this.#rotation);
    await this.#once?.stop();
    for (const phase of this.#phases.toReversed()) await Promise.all(this.#ofPhase(phase).map((part) => part.stop()));
  }

  #ofPhase(phase: number): readonly SupervisedPart[] {
    const names = this.#parts.filter((part) => part.phase === phase).map(({ launch }) => launch.name);
    return names.flatMap((name) => this.#serving.get(name) ?? []);
  }

  #rotate(): void {
    for (const { launch } of this.#parts) rotateLog(launch.logPath, this.#logBytesMax);
  }

  async #runToEnd(launch: Launch): Promise<void> {
    const logFromBytes = sizeOf(launch.logPath);
    const running = await start(launch);
    this.#once = running;
    this.#tellOnce(launch, 'starting');
    const timer = setTimeout(() => void running.kill(), launch.readyTimeoutMs);
    const { code, signal } = await running.exited;
    clearTimeout(timer);
    await running.stop();
    this.#once = undefined;
    this.#tellOnce(launch, code === 0 ? 'done' : 'failed');
    if (code === 0 || this.#isStopping) return;
    const how = signal === null ? `exit code ${code}` : `${signal}; it may take ${launch.readyTimeoutMs} ms`;
    const end = lastLines(launch.logPath, 25, logFromBytes);
    throw new InfraError('DEPLOY_FAILED', `${launch.name} failed (${how}). End of ${launch.logPath}:\n${end}`);
  }

  #tellOnce({ name, address }: Launch, status: PartStatus): void {
    this.#onceStates.set(name, { name, address, status, restarts: 0 });
    this.#changed();
  }
}
