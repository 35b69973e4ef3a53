import { topics, type RegistryProbe } from '@waybill/domain';
import type { ProbeAnswer } from '@waybill/oci';
import type { Context, Emit, Input, JobAttempt, JobRequest, Put, Step, Topology } from '@waybill/stream';

/** Asks the registry of this name once. */
export type Probe = (payload: { readonly registry: string }, attempt: Pick<JobAttempt, 'signal'>) => Promise<ProbeAnswer>;

export type Probing = {
  /** Names of the registries that are asked, as policies call them. */
  readonly registries: readonly string[];
  readonly probe: Probe;
  readonly intervalMs: number;
  /** For one probe. */
  readonly timeoutMs: number;
  /** Probes in a row that must fail before a registry is told to be down, and succeed before it is told to be up again. */
  readonly failuresMin: number;
  readonly successesMin: number;
};

/** Few and short; copies of the same process must not wait for them, nor they for copies. */
const concurrencyMax = 16;
const priority = 1_000;
/** What a probe may take beyond its own limit before the runtime gives it up. */
const graceMs = 5_000;
const registriesMax = 1_000;

/**
 * The replicator, which has the connections, also asks each registry every some seconds whether it answers -> registry-health.
 *
 * Each probe is a job that schedules the next one as it ends; its row holds what has been told and what speaks against it. Both change in
 * one transaction with the event, so that after a kill -9 no change is lost or told twice. All of it lies in partition 0: registries are
 * few, and those that are asked from one place can be compared. The table is watched for its first look alone, which begins it all.
 */
export const withHealth = (topology: Topology, probing: Probing): Topology => ({
  ...topology,
  stores: { ...topology.stores, probes: topics.registryProbes },
  outputs: [...topology.outputs, topics.registryHealth],
  tables: { ...topology.tables, health: topics.registryHealth },
  watches: [...(topology.watches ?? []), 'health'],
  jobs: {
    ...topology.jobs,
    probe: {
      run: probing.probe,
      ...{ concurrencyMax, perHostMax: concurrencyMax, timeoutMs: probing.timeoutMs + graceMs },
      ...{ attemptsMax: 1, delayMsMin: probing.intervalMs, delayMsMax: probing.intervalMs },
    },
  },
  handle(input, context) {
    if (input.kind === 'table' && input.table === 'health') return beginProbes(input, context, probing);
    if (input.kind === 'job-done' && input.job.kind === 'probe') return onProbed(input, input.result as ProbeAnswer, context, probing);
    if (input.kind === 'job-failed' && input.job.kind === 'probe') {
      const { code, reason } = input.failure;
      return onProbed(input, { isUp: false, reason: `${code}: ${reason}` }, context, probing);
    }
    return topology.handle(input, context);
  },
});

/** A row means that its probe is due or under way. Ends those of registries that are no longer configured. */
function beginProbes({ partition, atMs }: Extract<Input, { kind: 'table' }>, context: Context, { registries }: Probing): Step {
  if (partition !== 0) return { ignored: 'registries are asked in partition 0' };
  const known = context.keys('probes', { limit: registriesMax });
  const come = registries.filter((name) => !known.includes(name));
  const gone = known.filter((name) => !registries.includes(name));
  if (come.length + gone.length === 0) return { ignored: 'all registries are asked already' };
  const untold = gone.filter((name) => (context.get('probes', name, 'RegistryProbe')?.isHealthy ?? null) !== null);
  return {
    put: [
      ...come.map((name) => putProbe({ registry: name, isHealthy: null, contraryCount: 0 })),
      ...gone.map((key): Put => ({ store: 'probes', key, row: null })),
    ],
    schedule: come.map((name) => probeOf(name, atMs)),
    cancel: gone.map(idOf),
    emit: untold.map((name) => changed(name, { isHealthy: null, reason: 'is no longer configured' }, atMs)),
  };
}

type Ended = Extract<Input, { kind: 'job-done' | 'job-failed' }>;

function onProbed({ job, atMs }: Ended, answer: ProbeAnswer, context: Context, probing: Probing): Step {
  const before = context.get('probes', job.key, 'RegistryProbe');
  if (before === undefined) return { ignored: 'the registry is no longer configured' };
  const after = afterProbe(before, answer, probing);
  const isChanged = after.isHealthy !== before.isHealthy;
  return {
    schedule: [probeOf(job.key, atMs + probing.intervalMs)],
    ...(after !== before && { put: [putProbe(after)] }),
    ...(isChanged
      ? {
          emit: [changed(job.key, { isHealthy: answer.isUp, reason: answer.reason }, atMs)],
          noted: [answer.isUp ? 'a registry is up' : 'a registry is down'],
        }
      : { ignored: 'the registry is as it was' }),
  };
}

/** The first answer settles that a registry is up. Itself where nothing changes. */
function afterProbe(before: RegistryProbe, { isUp }: ProbeAnswer, { failuresMin, successesMin }: Probing): RegistryProbe {
  if (isUp === before.isHealthy) return before.contraryCount === 0 ? before : { ...before, contraryCount: 0 };
  const contraryCount = before.contraryCount + 1;
  const countMin = isUp ? (before.isHealthy === null ? 1 : successesMin) : failuresMin;
  return contraryCount < countMin ? { ...before, contraryCount } : { ...before, isHealthy: isUp, contraryCount: 0 };
}

const idOf = (name: string): string => `probe/${name}`;

const probeOf = (name: string, notBeforeMs: number): JobRequest => ({
  ...{ id: idOf(name), kind: 'probe', key: name, payload: { registry: name }, priority, notBeforeMs },
});

const putProbe = (data: RegistryProbe): Put => ({ store: 'probes', key: data.registry, row: { type: 'RegistryProbe', data } });

const changed = (name: string, how: { readonly isHealthy: boolean | null; readonly reason: string }, changedAtMs: number): Emit => ({
  ...{ topic: topics.registryHealth, key: name, subject: name, discriminator: name },
  event: { type: 'RegistryHealthChanged', data: { registry: name, ...how, changedAtMs } },
});
