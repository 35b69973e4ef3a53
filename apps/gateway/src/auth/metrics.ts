import { Counter, Gauge, type Registry } from 'prom-client';
import type { Endpoint } from '@waybill/webhook-sources';
import type { Verdict } from './authenticate.ts';

export type AuthMetrics = {
  /** `endpoint` and what opened are configured words: senders cannot make new series. */
  readonly verdict: (endpoint: string, verdict: Verdict) => void;
  readonly loaded: (endpoints: readonly Endpoint[], atMs: number) => void;
  /** Files have changed and what they say now cannot be used. */
  readonly stale: () => void;
};

export function createAuthMetrics(registry: Registry): AuthMetrics {
  const registers = [registry];
  const authenticated = new Counter({
    name: 'waybill_gateway_authenticated_total',
    help: 'Requests that were let in, by endpoint and what opened: the id of a secret, an account, a topic, a name.',
    labelNames: ['endpoint', 'by'],
    registers,
  });
  const unproven = new Counter({
    name: 'waybill_gateway_unproven_total',
    help: 'Requests that were not let in, by endpoint and class of reason.',
    labelNames: ['endpoint', 'reason'],
    registers,
  });
  const loadedAt = new Gauge({
    name: 'waybill_gateway_sources_loaded_timestamp_seconds',
    help: 'When the sources that are in use were read.',
    registers,
  });
  const stale = new Gauge({
    name: 'waybill_gateway_sources_stale',
    help: '1 where sources.yaml or a secret file has changed and cannot be used, so that the ones before it go on.',
    registers,
  });
  const ends = new Gauge({
    name: 'waybill_gateway_secret_end_timestamp_seconds',
    help: 'From when a secret opens nothing, by endpoint and id; only of secrets with an end.',
    labelNames: ['endpoint', 'secret'],
    registers,
  });
  return {
    verdict(endpoint, verdict) {
      if (verdict.ok) authenticated.inc({ endpoint, by: verdict.by });
      else unproven.inc({ endpoint, reason: verdict.reason });
    },
    loaded(endpoints, atMs) {
      loadedAt.set(atMs / 1_000);
      stale.set(0);
      ends.reset();
      for (const { name, secrets } of endpoints)
        for (const { id, notAfterMs } of secrets) if (notAfterMs !== null) ends.set({ endpoint: name, secret: id }, notAfterMs / 1_000);
    },
    stale: () => stale.set(1),
  };
}
