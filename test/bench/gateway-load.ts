import { execa } from 'execa';
import { ensureGoProgram } from './go-program.ts';
import { secretHeader, type Receiver } from './gateway-receivers.ts';
import { usageOf } from './usage.ts';

export type LoadOptions = {
  readonly connections: number;
  readonly warmSeconds: number;
  readonly seconds: number;
  /** Pushes per second; a closed loop without. */
  readonly rate?: number;
  /** Pushes that wait for a connection at the sender before more of them are not sent at all. */
  readonly backlog?: number;
  readonly seed: number;
};

/** What the load generator prints (`peers/ingest/load`). Of the measured time, but for `acknowledged`, which is of all. */
type Told = {
  readonly acknowledged: number;
  readonly answered: number;
  readonly accepted: number;
  readonly perSecond: number;
  readonly statuses: Readonly<Record<string, number>>;
  readonly failed: number;
  readonly unsent: number;
  readonly latency: { readonly p50Ms: number; readonly p99Ms: number; readonly p999Ms: number; readonly maxMs: number };
  readonly cpuMs: number;
  readonly failures: Readonly<Record<string, number>>;
};

export type LoadFigures = {
  /** Accepted, that is, acknowledged by the log. */
  readonly perSecond: number;
  readonly p50Ms: number;
  readonly p99Ms: number;
  readonly p999Ms: number;
  /** Processor time of the receiver, of the broker and of the load generator, per answer: of all threads, warm-up included. */
  readonly cpuUs: number;
  readonly brokerCpuUs: number;
  readonly loadCpuUs: number;
  readonly rssPeakMib: number;
  readonly acknowledged: number;
  readonly refused: number;
  readonly failed: number;
  readonly unsent: number;
};

/** @throws Error when it fails, or when nothing at all was accepted */
export async function sendLoad(receiver: Receiver, brokerPid: number, options: LoadOptions): Promise<LoadFigures> {
  const program = await ensureGoProgram('load');
  const settings = {
    ...{ targets: receiver.addresses.join(','), path: receiver.path, connections: options.connections, seed: options.seed },
    ...{ warm: `${options.warmSeconds}s`, for: `${options.seconds}s`, rate: options.rate ?? 0, header: secretHeader },
    ...{ 'secret-file': receiver.secretPath, backlog: options.backlog ?? 100_000 },
  };
  const cpuMs = () => ({ own: receiver.pids.reduce((sum, pid) => sum + usageOf(pid).cpuMs, 0), broker: usageOf(brokerPid).cpuMs });
  const before = cpuMs();
  const { stdout } = await execa(
    program,
    Object.entries(settings).map(([name, value]) => `-${name}=${value}`),
  );
  const after = cpuMs();
  const told = JSON.parse(stdout) as Told;
  if (told.acknowledged === 0) throw new Error(`${receiver.name} has accepted nothing: ${stdout}\n${receiver.logTail()}`);
  const answeredInAll = (told.answered * (options.warmSeconds + options.seconds)) / options.seconds;
  const perAnswer = (ms: number): number => (ms * 1_000) / answeredInAll;
  const { p50Ms, p99Ms, p999Ms } = told.latency;
  return {
    ...{ perSecond: told.perSecond, p50Ms, p99Ms, p999Ms },
    cpuUs: perAnswer(after.own - before.own),
    brokerCpuUs: perAnswer(after.broker - before.broker),
    loadCpuUs: perAnswer(told.cpuMs),
    rssPeakMib: receiver.pids.reduce((sum, pid) => sum + usageOf(pid).rssPeakMib, 0),
    ...{ acknowledged: told.acknowledged, refused: told.answered - told.accepted, failed: told.failed, unsent: told.unsent },
  };
}
