// A task of an app that throws at what it is told to throw at, and what can be seen of what it holds.
import assert from 'node:assert/strict';
import { afterEach } from 'node:test';
import { topics, type HeldRecord, type RecordParked, type TypedRecord } from '@waybill/domain';
import { systemClock } from './clock.ts';
import type { Draft } from './draft.ts';
import type { EventLog, LogRecord } from './event-log.ts';
import { JobPool } from './job-pool.ts';
import { type MemoryLog, MemoryStore } from './memory-log.fixture.ts';
import { jsonCodec } from './model/json-codec.ts';
import { eventHeaders } from './record.ts';
import { Task, type TaskOptions } from './task.ts';
import { isEvent, type Topology } from './topology.ts';

const clock = { ...systemClock, now: () => 5_000, sleep: () => new Promise<void>((resolve) => void setImmediate(resolve)) };
const spec = { run: async () => null, concurrencyMax: 9, perHostMax: 9, timeoutMs: 999, attemptsMax: 1, delayMsMin: 1, delayMsMax: 1 };
export const output = topics.scans.name;

const failed = (digest: string) => ({ type: 'ScanFailed', data: { digest } }) as unknown as TypedRecord;

/** Passes each request on under its digest; throws for those that are `poison` at the time. */
const passOn =
  (poison: ReadonlySet<string>): Topology['handle'] =>
  (taken) => {
    if (!isEvent(taken, 'ScanRequested')) return { ignored: taken.kind };
    const { digest } = taken.event.data;
    if (poison.has(digest)) throw new TypeError(`cannot read ${digest}`);
    return { emit: [{ topic: topics.scans, key: digest, subject: digest, event: failed(digest) }] };
  };

const topologyOf = (handle: Topology['handle']): Topology => ({
  group: 'scanner',
  inputs: [topics.scanRequests],
  stores: {},
  outputs: [topics.scans],
  held: topics.scannerHeld,
  jobTopic: topics.scannerJobs,
  jobs: { scan: spec },
  handle,
});

const metaOf = (id: string) => ({
  id,
  source: '/t',
  timeMs: 1_000,
  subject: 's',
  correlationId: 'c',
  causationId: null,
  traceparent: null,
});

/** A record whose digest is its key and offset: `a0`. */
export function request(offset: number, key: string | null, change: Partial<LogRecord> = {}): LogRecord {
  const digest = `${key}${offset}`;
  const event = { type: 'ScanRequested' as const, data: { registry: 'r', repository: 'a', digest, imageDigest: digest } };
  const place = { topic: topics.scanRequests.name, partition: 0, offset, timestampMs: 1_000 };
  const bytes = {
    key: key === null ? null : Buffer.from(key),
    value: jsonCodec.encode(event),
    headers: eventHeaders({ ...event, meta: metaOf(`e${offset}`) }),
  };
  return { ...place, ...bytes, ...change };
}
export const placeAt = (offset: number): string => `${topics.scanRequests.name}/0/${offset}`;

type Wanted = { readonly drop?: boolean; readonly app?: string; readonly kind?: string };
export function command(offset: number, id: string, { drop = false, app = 'scanner', kind = 'record' }: Wanted = {}): LogRecord {
  const type = drop ? ('ParkedDropRequested' as const) : ('ParkedRetryRequested' as const);
  const event = { type, data: { app, kind, id, requestedBy: 'ann', reason: 'mended', requestedAtMs: 1 } };
  const place = { topic: topics.parkedCommands.name, partition: 0, offset, timestampMs: 9_000, key: null };
  return { ...place, value: jsonCodec.encode(event), headers: eventHeaders({ ...event, meta: metaOf(`c${offset}`) }) };
}

const pools: JobPool[] = [];
afterEach(() => pools.splice(0).forEach((pool) => pool.close()));

type Overrides = Partial<TaskOptions> & { readonly poison?: ReadonlySet<string>; readonly port?: EventLog };

/** A task over a log, and what can be seen of it. */
export async function start(log: MemoryLog, { poison = new Set(), port = log.port(), ...overrides }: Overrides = {}) {
  const pool = new JobPool({ specs: { scan: spec }, clock, random: () => 0 });
  pools.push(pool);
  const drafts: Draft[] = [];
  const faults: unknown[] = [];
  const hooks = {
    onCommit: (draft: Draft) => void drafts.push(draft),
    onFault: (error: unknown) => void faults.push(error),
    onBroken: (error: Error) => assert.fail(error),
  };
  const store = new MemoryStore();
  const ports = { log: port, codec: jsonCodec, store, pool, membership: { verify: async () => undefined } };
  const task = await Task.open({
    topology: topologyOf(passOn(poison)),
    ...ports,
    partition: 0,
    table: () => [],
    clock,
    ...hooks,
    ...overrides,
  });
  return { task, pool, store, drafts, faults, ignored: () => drafts.flatMap((draft) => draft.ignored) };
}

/** Newest row per place, as the state topic has them. */
export function heldRows(log: MemoryLog): readonly HeldRecord[] {
  const newest = new Map((log.records.get(topics.scannerHeld.name) ?? []).map(({ key, value }) => [key!.toString(), value]));
  return [...newest.values()].flatMap((value) => (value === null ? [] : [jsonCodec.decodeSync(value).data as HeldRecord]));
}
export const standing = (log: MemoryLog) => heldRows(log).map(({ offset, status, attempts }) => `${offset} ${status} ${attempts}`);
export const parkedEvents = (log: MemoryLog) =>
  (log.records.get(topics.parked.name) ?? []).map(({ value, headers }) => ({
    id: headers['ce_id']!.toString(),
    data: jsonCodec.decodeSync(value!).data as RecordParked,
  }));
export const until = async (isDone: () => boolean): Promise<void> => {
  for (let turns = 0; !isDone(); turns++) {
    assert.ok(turns < 10_000, 'it never came to it');
    await new Promise(setImmediate);
  }
};
