export { StreamError } from './errors.ts';
export type { StreamErrorCode } from './errors.ts';
export type * from './event-log.ts';
export type { OpenStore, StateStore, StoreChanges, StorePosition } from './state-store.ts';
export { isEvent, JobError } from './topology.ts';
export type { Context, Emit, Input, JobAttempt, JobFailure, JobRequest, JobRow, JobSpec, Put, Step, Topology } from './topology.ts';
