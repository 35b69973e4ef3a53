import { collectProcessMetrics } from '@waybill/app-kit';
import { Counter, Gauge, Histogram, Registry } from 'prom-client';
import type { Status } from './status/status.ts';

export type ApiMetrics = {
  readonly registry: Registry;
  readonly skipped: Counter<'topic'>;
  readonly projected: Counter<'topic'>;
  readonly answered: (route: string, status: number, seconds: number) => void;
};

/** Lag is read when it is asked for, so that it is as old as the scrape and not as a timer. */
export function createMetrics(status: () => Promise<Status>): ApiMetrics {
  const registry = new Registry();
  collectProcessMetrics(registry);
  const registers = [registry];
  const skipped = new Counter({
    name: 'api_records_skipped_total',
    help: 'Records that could not be shown',
    labelNames: ['topic'],
    registers,
  });
  const projected = new Counter({
    name: 'api_records_projected_total',
    help: 'Records in the read model',
    labelNames: ['topic'],
    registers,
  });
  const seconds = new Histogram({
    name: 'api_answer_seconds',
    help: 'Time to answer by route and status',
    labelNames: ['route', 'status'],
    buckets: [0.001, 0.005, 0.025, 0.1, 0.5, 2],
    registers,
  });
  // No number is better than an old one, while there is no answer: absence is what alerts look for.
  const known = (): Promise<Pick<Status, 'groups' | 'parked'>> => status().catch(() => ({ groups: [], parked: [] }));
  new Gauge({
    name: 'api_parked_records',
    help: 'Records set aside by app and code',
    labelNames: ['app', 'code'],
    registers,
    async collect() {
      const { parked } = await known();
      this.reset();
      for (const { app, code, count } of parked) this.set({ app, code }, count);
    },
  });
  new Gauge({
    name: 'api_group_lag_offsets',
    help: 'Offsets not yet committed by a consumer group',
    labelNames: ['group'],
    registers,
    async collect() {
      const { groups } = await known();
      this.reset();
      for (const { group, lag } of groups) this.set({ group }, lag);
    },
  });
  return { registry, skipped, projected, answered: (route, code, took) => seconds.observe({ route, status: String(code) }, took) };
}
