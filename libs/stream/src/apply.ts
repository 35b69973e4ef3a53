import { deterministicId, type Event, type EventMeta, type Job } from '@waybill/domain';
import type { Emit, Input, JobRequest, Step, Topology } from './topology.ts';
import { appOf } from './versions.ts';

/** What a step means for the log: events with their ids and job rows in full. Pure, so that the driver and the runtime cannot differ. */
export type Outcome = {
  readonly events: readonly { readonly emit: Emit; readonly event: Event }[];
  readonly jobs: readonly Job[];
};

/** Who is answered: id, correlation and trace context of whatever the input is. */
type Cause = { readonly id: string; readonly correlationId: string; readonly causationId: string; readonly traceparent: string | null };

export function causeOf(app: string, input: Input): Cause {
  switch (input.kind) {
    case 'event': {
      const { id, correlationId, traceparent } = input.event.meta;
      return { id, correlationId, causationId: id, traceparent };
    }
    case 'record': {
      const { topic, partition, offset } = input.record;
      const id = deterministicId(app, topic, partition, offset);
      return { id, correlationId: id, causationId: id, traceparent: null };
    }
    case 'job-done':
    case 'job-failed': {
      const { id, causeId, correlationId, traceparent } = input.job;
      return { id: deterministicId(causeId, id, input.kind), correlationId, causationId: causeId, traceparent };
    }
    case 'table': {
      const id = deterministicId(app, input.kind, input.table, input.partition, input.atMs);
      return { id, correlationId: id, causationId: id, traceparent: null };
    }
    case 'timer': {
      const { id, causeId, correlationId, traceparent } = input.timer;
      return { id: deterministicId(causeId, id, input.kind), correlationId, causationId: causeId, traceparent };
    }
  }
}

export function outcomeOf(topology: Topology, input: Input, step: Step): Outcome {
  const cause = causeOf(appOf(topology), input);
  return {
    events: (step.emit ?? []).map((emit) => ({
      emit,
      event: 'forward' in emit ? emit.forward : newEvent(appOf(topology), cause, input.atMs, emit),
    })),
    jobs: (step.schedule ?? []).map((request) => {
      refuseUndeclared(topology, request);
      return newJob(cause, input.atMs, request);
    }),
  };
}

function newEvent(app: string, cause: Cause, atMs: number, emit: Exclude<Emit, { forward: Event }>): Event {
  const meta: EventMeta = {
    id: deterministicId(app, cause.id, emit.topic.name, emit.event.type, emit.discriminator ?? null),
    source: `/waybill/${app}`,
    timeMs: atMs,
    subject: emit.subject,
    correlationId: emit.correlationId ?? cause.correlationId,
    causationId: cause.causationId,
    traceparent: cause.traceparent,
  };
  return { ...emit.event, meta };
}

/** Its row would wait for ever. */
function refuseUndeclared({ group, jobs, timers }: Topology, { kind }: JobRequest): void {
  if (!jobs?.[kind] && !timers?.includes(kind))
    throw new Error(`${group} schedules ${kind}, which it declares neither as a job nor as a timer`);
}

const newJob = (cause: Cause, atMs: number, request: JobRequest): Job => ({
  id: request.id,
  kind: request.kind,
  key: request.key,
  status: 'due',
  attempt: 0,
  priority: request.priority ?? 0,
  notBeforeMs: request.notBeforeMs ?? atMs,
  host: request.host ?? null,
  payload: JSON.stringify(request.payload),
  lastError: null,
  causeId: cause.id,
  correlationId: request.correlationId ?? cause.correlationId,
  traceparent: cause.traceparent,
  createdAtMs: atMs,
});
