import type { Receipt } from '@waybill/webhook-sources';
import { Counter, Gauge, Histogram, type Registry } from 'prom-client';
import type { refusals, RefusalCode } from './refusals.ts';

/** How a request ended. */
export type RequestOutcome = Receipt['outcome'] | 'repeated' | (typeof refusals)[RefusalCode]['outcome'];

export type GatewayMetrics = {
  /** `endpoint` is a configured name or `unknown`: senders cannot make new series. */
  readonly request: (endpoint: string, outcome: RequestOutcome, seconds: number) => void;
  /** A delivery that was only looked at. */
  readonly validation: (endpoint: string, outcome: Receipt['outcome']) => void;
  readonly event: (endpoint: string, type: string) => void;
  readonly send: (sent: { readonly requests: number; readonly records: number; readonly bytes: number }) => void;
};

/** Sub-millisecond to the time at which a sender is told to come again. */
const secondsBuckets = [0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10];
const countBuckets = [1, 2, 5, 10, 20, 50, 100, 200, 500, 1_000];

export function createMetrics(registry: Registry, pendingBytes: () => number): GatewayMetrics {
  const registers = [registry];
  const requests = new Counter({
    name: 'waybill_gateway_requests_total',
    help: 'Webhook requests by endpoint and how they ended.',
    labelNames: ['endpoint', 'outcome'],
    registers,
  });
  const validations = new Counter({
    name: 'waybill_gateway_validations_total',
    help: 'Deliveries that were looked at and not kept, by endpoint and what they would have become.',
    labelNames: ['endpoint', 'outcome'],
    registers,
  });
  const latency = new Histogram({
    name: 'waybill_gateway_request_seconds',
    help: 'From a request that is let in to its answer; with 202, to the acknowledgement of the log.',
    labelNames: ['endpoint'],
    buckets: secondsBuckets,
    registers,
  });
  const events = new Counter({
    name: 'waybill_gateway_events_total',
    help: 'Events appended, by endpoint and type.',
    labelNames: ['endpoint', 'type'],
    registers,
  });
  const batch = new Histogram({
    name: 'waybill_gateway_send_requests',
    help: 'Webhook requests that shared a send to the log.',
    buckets: countBuckets,
    registers,
  });
  const bytes = new Counter({
    name: 'waybill_gateway_sent_bytes_total',
    help: 'Bytes of deliveries and their records handed to the log or the spool, also in sends that failed.',
    registers,
  });
  new Gauge({
    name: 'waybill_gateway_pending_bytes',
    help: 'Bytes of records that wait for the log or are being sent.',
    registers,
    collect() {
      this.set(pendingBytes());
    },
  });
  return {
    request: (endpoint, outcome, seconds) => {
      requests.inc({ endpoint, outcome });
      latency.observe({ endpoint }, seconds);
    },
    validation: (endpoint, outcome) => validations.inc({ endpoint, outcome }),
    event: (endpoint, type) => events.inc({ endpoint, type }),
    send: (sent) => {
      batch.observe(sent.requests);
      bytes.inc(sent.bytes);
    },
  };
}
