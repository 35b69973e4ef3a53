import type { RecordTypes } from './records.generated.ts';

/** Names of all record types that travel on topics; the schema of each is `schemas/<context>/<name>.v1.avsc`. */
export type RecordType = keyof RecordTypes;

/**
 * What every event carries beside its data, as CloudEvents attributes in Kafka headers (CloudEvents Kafka binding 1.0, binary mode).
 * `correlationId` is the id of the push that all of this is about; `causationId` the id of the event that directly led to this one.
 */
export type EventMeta = {
  readonly id: string;
  /** CloudEvents `source`: `/waybill/<app>`. */
  readonly source: string;
  /** Unix ms. */
  readonly timeMs: number;
  /** What it is about: `registry/repository:tag`, a digest, a topic. */
  readonly subject: string;
  readonly correlationId: string;
  readonly causationId: string | null;
  /** W3C trace context, passed on unchanged. */
  readonly traceparent: string | null;
};

/** An event or a state row: a named record type and its data. */
export type TypedRecord = { [T in RecordType]: { readonly type: T; readonly data: RecordTypes[T] } }[RecordType];
export type Event = { [T in RecordType]: { readonly type: T; readonly data: RecordTypes[T]; readonly meta: EventMeta } }[RecordType];
export type EventOf<T extends RecordType> = Extract<Event, { type: T }>;
