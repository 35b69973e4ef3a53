import { Counter, Gauge, Histogram, type Registry } from 'prom-client';
import type { Drain } from './drain.ts';
import type { SpoolErrorCode } from './error.ts';
import type { Spool } from './spool.ts';

export type SpoolMetrics = {
  readonly synced: (seconds: number) => void;
  readonly refused: (code: SpoolErrorCode, count: number) => void;
  readonly drained: (count: number) => void;
  readonly setAside: (why: 'damaged' | 'unsendable') => void;
  /** What is shown of the present. */
  readonly watch: (what: { readonly spool: Spool; readonly drain: Drain; readonly nowMs: () => number }) => void;
};

/** From a disk with a cache that survives a loss of power to one that hangs. */
const secondsBuckets = [0.000_25, 0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5];

export function createSpoolMetrics(registry: Registry): SpoolMetrics {
  const registers = [registry];
  const syncs = new Histogram({
    name: 'waybill_gateway_spool_sync_seconds',
    help: 'A group of deliveries written to the spool and made durable.',
    buckets: secondsBuckets,
    registers,
  });
  const refused = new Counter({
    name: 'waybill_gateway_spool_refused_total',
    help: 'Deliveries that the spool did not take, by the code of the answer.',
    labelNames: ['code'],
    registers,
  });
  const drained = new Counter({
    name: 'waybill_gateway_spool_drained_total',
    help: 'Deliveries that the log has acknowledged out of the spool.',
    registers,
  });
  const setAside = new Counter({
    name: 'waybill_gateway_spool_set_aside_total',
    help: 'Stretches of the spool that were put into a file beside it: damaged, or of a delivery that cannot be sent.',
    labelNames: ['why'],
    registers,
  });
  const gauge = (name: string, help: string, read: () => number): Gauge =>
    new Gauge({
      name,
      help,
      registers,
      collect() {
        this.set(read());
      },
    });
  return {
    synced: (seconds) => syncs.observe(seconds),
    refused: (code, count) => refused.inc({ code }, count),
    drained: (count) => drained.inc(count),
    setAside: (why) => setAside.inc({ why }),
    watch({ spool, drain, nowMs }) {
      gauge('waybill_gateway_spool_bytes', 'What the spool takes of its disk.', () => spool.usedBytes);
      gauge('waybill_gateway_spool_deliveries', 'Deliveries in the spool that are not in the log yet.', () => spool.count);
      gauge('waybill_gateway_spool_oldest_seconds', 'Age of the oldest delivery in the spool.', () => {
        const receivedAtMs = drain.oldestAtMs();
        return receivedAtMs === undefined ? 0 : Math.max(0, nowMs() - receivedAtMs) / 1_000; // Clocks are set back at times.
      });
    },
  };
}
