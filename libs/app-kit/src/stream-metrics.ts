import type { Draft, Running } from '@waybill/stream';
import { Counter, Gauge, Histogram, Registry } from 'prom-client';
import { circuitsShownMax } from './circuits.ts';
import { collectProcessMetrics } from './process-metrics.ts';

/** Metrics that every stream app has; the app is a label, so that one dashboard serves all. */
export function createStreamMetrics(app: string, running: () => Running | undefined) {
  const registry = new Registry();
  registry.setDefaultLabels({ app });
  collectProcessMetrics(registry);
  const registers = [registry];
  const { consumed, written, parked, ignored, noted, faults, withheld } = createCounters(registers);
  const transactionSeconds = new Histogram({
    name: 'waybill_transaction_seconds',
    help: 'From the first input to the local commit.',
    buckets: [0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 10],
    registers,
  });
  const jobSeconds = new Histogram({
    name: 'waybill_job_seconds',
    help: 'Duration of one try.',
    labelNames: ['kind', 'outcome'],
    buckets: [0.05, 0.1, 0.5, 1, 5, 15, 60, 300, 1_800],
    registers,
  });
  addWorkGauges(registry, running);
  addStateGauges(registry, running);

  return {
    registry,
    committed(draft: Draft, durationMs: number, inputs: ReadonlyMap<string, number>): void {
      for (const [topic, count] of inputs) consumed.inc({ topic }, count);
      for (const [topic, records] of Map.groupBy(draft.records, (record) => record.topic)) written.inc({ topic }, records.length);
      for (const { code } of draft.parked) parked.inc({ code });
      for (const reason of draft.ignored) ignored.inc({ reason });
      for (const what of draft.noted) noted.inc({ what });
      withheld.inc(draft.withheldCount);
      transactionSeconds.observe(durationMs / 1_000);
    },
    jobEnded: (kind: string, outcome: string, durationMs: number): void => jobSeconds.observe({ kind, outcome }, durationMs / 1_000),
    fault: (code: string): void => faults.inc({ code }),
    ...createPartitionGauges(registry),
  };
}

function createCounters(registers: Registry[]) {
  const consumed = new Counter({
    name: 'waybill_records_consumed_total',
    help: 'Input records committed.',
    labelNames: ['topic'],
    registers,
  });
  const written = new Counter({
    name: 'waybill_records_written_total',
    help: 'Records appended, state rows included.',
    labelNames: ['topic'],
    registers,
  });
  const parked = new Counter({
    name: 'waybill_records_parked_total',
    help: 'Records that could not be processed.',
    labelNames: ['code'],
    registers,
  });
  const ignored = new Counter({
    name: 'waybill_inputs_ignored_total',
    help: 'Inputs that nothing follows from.',
    labelNames: ['reason'],
    registers,
  });
  const noted = new Counter({
    name: 'waybill_noted_total',
    help: 'What an app says of its own work, by name.',
    labelNames: ['what'],
    registers,
  });
  const faults = new Counter({ name: 'waybill_faults_total', help: 'Failures that were recovered from.', labelNames: ['code'], registers });
  const withheld = new Counter({
    name: 'waybill_events_withheld_total',
    help: 'Events that were not appended because another version of the app has said them.',
    registers,
  });
  return { consumed, written, parked, ignored, noted, faults, withheld };
}

function createPartitionGauges(registry: Registry) {
  const registers = [registry];
  const partitions = new Gauge({ name: 'waybill_partitions', help: 'Partition numbers that this instance owns.', registers });
  const live = new Gauge({
    name: 'waybill_version_live',
    help: 'Whether events go out from a partition: 1, or 0 where this version follows the one whose do. Of apps with versions only.',
    labelNames: ['partition'],
    registers,
  });
  const known = new Set<number>();
  return {
    role(partition: number, isLive: boolean): void {
      known.add(partition);
      live.set({ partition }, isLive ? 1 : 0);
    },
    /** What this version was on partitions that others have by now is theirs to say. */
    assigned(owned: readonly number[]): void {
      partitions.set(owned.length);
      for (const partition of known) if (!owned.includes(partition) && known.delete(partition)) live.remove({ partition });
    },
  };
}

function addWorkGauges(registry: Registry, running: () => Running | undefined): void {
  const gauge = (name: string, help: string, read: () => number) =>
    new Gauge({
      name,
      help,
      registers: [registry],
      collect() {
        this.set(read());
      },
    });
  gauge('waybill_jobs_waiting', 'Jobs that are due or will be, and timers.', () => running()?.jobs().waiting ?? 0);
  gauge('waybill_jobs_running', 'Jobs under way.', () => running()?.jobs().running ?? 0);
  gauge('waybill_records_held', 'Records that are parked, or wait behind one with their key.', () => running()?.held() ?? 0);
}

const circuitStates = { closed: 0, 'half-open': 1, open: 2 } as const;

function addStateGauges(registry: Registry, running: () => Running | undefined): void {
  new Gauge({
    name: 'waybill_circuit_state',
    help: 'Whether jobs are let through to a host: 0 all, 1 one as a probe, 2 none. Of at most 100 hosts, closed ones last.',
    labelNames: ['kind', 'host'],
    registers: [registry],
    collect() {
      this.reset();
      const circuits = (running()?.circuits() ?? []).toSorted((a, b) => circuitStates[b.state] - circuitStates[a.state]);
      for (const { kind, host, state } of circuits.slice(0, circuitsShownMax)) this.set({ kind, host }, circuitStates[state]);
    },
  });
  new Gauge({
    name: 'waybill_table_position',
    help: 'Next offset that a shared table reads: the same on all instances that have seen the same.',
    labelNames: ['table', 'partition'],
    registers: [registry],
    collect() {
      for (const [table, positions] of Object.entries(running()?.tables() ?? {}))
        for (const [partition, offset] of positions) this.set({ table, partition }, offset);
    },
  });
}
