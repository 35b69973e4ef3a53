import type { EventOf, HeldRecord, Job } from '@waybill/domain';
import type { LogRecord } from '@waybill/stream';
import { heldApps } from './apps.ts';
import { add } from './counters.ts';
import { keyOf, sortable } from './keys.ts';
import type { AsideRow, Writer } from './rows.ts';

const holders: ReadonlySet<string> = new Set(heldApps.values());

type Name = Pick<AsideRow, 'app' | 'kind' | 'id'>;

/** Below `keyOf(kind, id)` lie all apps that have parked the same. */
export const asideKey = ({ kind, id, app }: Name): string => keyOf(kind, id, app);

/** Makes the read model agree: there is this row, or nothing, under the name. */
export function setAside(draft: Writer, name: Name, row: AsideRow | null): void {
  const key = asideKey(name);
  const before = draft.get('aside', key);
  if (before) {
    draft.remove('aside', key);
    draft.remove('asideByTime', timeKey(before, key));
    if (before.kind === 'record') add(draft, keyOf('parked', before.app, before.code), -1);
    if (before.behind !== null) draft.remove('stops', before.behind);
  }
  if (row === null) return;
  draft.put('aside', key, row);
  draft.put('asideByTime', timeKey(row, key), key);
  if (row.kind === 'record') add(draft, keyOf('parked', row.app, row.code), 1);
  if (row.behind !== null) draft.put('stops', row.behind, key);
}

const timeKey = (row: AsideRow, key: string): string => keyOf(sortable(row.parkedAtMs)) + key;

/** Folds a row of a held topic; null is its tombstone. */
export function projectHeld(draft: Writer, app: string, place: string, row: HeldRecord | null): void {
  const key = keyOf(app, place);
  const counted = draft.get('waiting', key);
  if (counted !== undefined) {
    draft.remove('waiting', key);
    add(draft, counted, -1, true);
  }
  if (row?.status === 'waiting') {
    draft.put('waiting', key, behindKey(app, row));
    add(draft, behindKey(app, row), 1, true);
  }
  setAside(draft, { app, kind: 'record', id: place }, row?.status === 'parked' ? asideRecord(app, place, row) : null);
}

/** Of the records with one topic and key in one app. Those without a key stand alone. */
const behindKey = (app: string, { topic, partition, offset, key }: HeldRecord): string =>
  keyOf('behind', app, topic, String(partition), key === null ? `at ${offset}` : `key ${key.toString('base64')}`);

function asideRecord(app: string, id: string, row: HeldRecord): AsideRow {
  const { topic, partition, offset, attempts, heldAtMs, correlationId, value } = row;
  return {
    ...{ kind: 'record', app, id, partition, origin: { topic, partition, offset }, attempts, parkedAtMs: heldAtMs, correlationId },
    ...{ code: row.code ?? '', reason: row.reason ?? '', valueBytes: value?.length ?? 0, behind: behindKey(app, row), canRetry: true },
  };
}

export function asideJob(app: string, job: Job, partition: number, parkedAtMs: number): AsideRow {
  const { id, attempt, correlationId, payload, lastError } = job;
  const [, code = 'JOB_FAILED', reason = lastError ?? ''] = /^([A-Z][A-Z0-9_]*): (.*)$/s.exec(lastError ?? '') ?? [];
  return {
    ...{ kind: 'job', app, id, partition, origin: null, code, reason, attempts: attempt, parkedAtMs, correlationId },
    ...{ valueBytes: Buffer.byteLength(payload), behind: null, canRetry: true },
  };
}

/** What was parked by an app that holds nothing, the gateway: it stays until somebody drops it. */
export function projectUnheld(draft: Writer, { data, meta }: EventOf<'RecordParked'>, parked: LogRecord): void {
  const { app, topic, partition, offset, code, reason, parkedAtMs, value } = data;
  if (holders.has(app)) return;
  const id = `${parked.topic}/${parked.partition}/${parked.offset}`;
  if (draft.get('dropped', asideKey({ app, kind: 'record', id }))) return;
  setAside(
    draft,
    { app, kind: 'record', id },
    {
      ...{ kind: 'record', app, id, partition: parked.partition, origin: { topic, partition, offset }, code, reason, attempts: 1 },
      ...{ parkedAtMs, correlationId: meta.correlationId, valueBytes: value?.length ?? 0, behind: null, canRetry: false },
    },
  );
}

/** Topics are read in any order: the drop may be read before what it drops. */
export function projectDrop(draft: Writer, { app, kind, id }: EventOf<'ParkedDropRequested'>['data']): void {
  if (holders.has(app) || kind !== 'record') return;
  draft.put('dropped', asideKey({ app, kind, id }), true);
  setAside(draft, { app, kind, id }, null);
}
