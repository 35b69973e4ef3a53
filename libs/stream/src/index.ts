export { causeOf, outcomeOf } from './apply.ts';
export { StreamError } from './errors.ts';
export type { StreamErrorCode } from './errors.ts';
export type * from './event-log.ts';
export { decodeEvent, encodeEvent, eventHeaders, eventTypeOf, parseMeta } from './record.ts';
export type { EntryRange, OpenStore, StateStore, StoreChanges, StorePosition } from './state-store.ts';
export { isEvent, JobError } from './topology.ts';
export type { Context, Emit, Input, JobAttempt, JobFailure, JobRequest, JobRow, JobSpec, Put, Step, Topology } from './topology.ts';
