import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { topics, type Job, type ScanRequested, type TypedRecord } from '@waybill/domain';
import { systemClock } from './clock.ts';
import { draftTransaction, jobStore, type Draft } from './draft.ts';
import { StreamError } from './errors.ts';
import type { Codec, EventLog, LogRecord } from './event-log.ts';
import { HeldLines } from './held.ts';
import { seen as seenTopic } from './memory-log.fixture.ts';
import { jsonCodec as json } from './model/json-codec.ts';
import { eventHeaders } from './record.ts';
import type { StateStore } from './state-store.ts';
import { isEvent, type Context, type Input, type Step, type Topology } from './topology.ts';
import type { JobEnd, Work } from './work.ts';

const spec = { run: async () => null, concurrencyMax: 1, perHostMax: 1, timeoutMs: 1, attemptsMax: 3, delayMsMin: 1, delayMsMax: 1 };
const topologyOf = (handle: (input: Input, context: Context) => Step): Topology => ({
  group: 'scanner',
  inputs: [topics.scanRequests],
  stores: { marks: seenTopic },
  outputs: [topics.scanRequests],
  held: topics.scannerHeld,
  jobTopic: topics.scannerJobs,
  jobs: { scan: spec },
  handle,
});

const requested = (digest: string): { type: 'ScanRequested'; data: ScanRequested } => ({
  type: 'ScanRequested',
  data: { registry: 'r', repository: 'a', digest, imageDigest: digest },
});
const record = (offset: number, value: Buffer | null = json.encode(requested(`d${offset}`)), key = `k${offset}`): Work => {
  const meta = {
    id: `e${offset}`,
    source: '/t',
    timeMs: 1_000,
    subject: 's',
    correlationId: `e${offset}`,
    causationId: null,
    traceparent: null,
  };
  const headers = eventHeaders({ ...requested('d'), meta });
  const place = { topic: topics.scanRequests.name, partition: 0, offset };
  return { kind: 'record', record: { ...place, timestampMs: 1_000, key: Buffer.from(key), value, headers } satisfies LogRecord };
};

function drafting(
  handle: (input: Input, context: Context) => Step,
  rows: ReadonlyMap<string, TypedRecord> = new Map(),
  codec: Codec = json,
  now: () => number = () => 2_000,
) {
  const store = {
    get: (name: string, key: string) => rows.has(`${name}/${key}`) && json.encode(rows.get(`${name}/${key}`)!),
  } as unknown as StateStore;
  const log = { partitionOf: () => 5 } as unknown as EventLog;
  const dependencies = {
    topology: topologyOf(handle),
    log,
    codec,
    store,
    held: new HeldLines(),
    partition: 0,
    table: () => [],
    clock: { ...systemClock, now },
  };
  return (...works: readonly Work[]): Promise<Draft> => draftTransaction(dependencies, works);
}

const row = (eventId: string) => ({ type: 'SeenMark' as const, data: { eventId, seenAtMs: 1 } });
const mark = (key: string) => ({ store: 'marks', key, row: row(key) });
const jobRow = (changes: Partial<Job> = {}): Job => ({
  ...{
    id: 'j',
    kind: 'scan',
    key: 'k',
    status: 'due',
    attempt: 0,
    priority: 0,
    notBeforeMs: 0,
    host: null,
    payload: '{}',
    lastError: null,
  },
  ...{ causeId: 'e1', correlationId: 'e1', traceparent: null, createdAtMs: 1_000 },
  ...changes,
});
const ended = (job: Job, end: JobEnd): Work => ({ kind: 'job-end', job, end, atMs: 3_000 });
const rowsWith = (job: Job): ReadonlyMap<string, TypedRecord> => new Map([[`${jobStore}/j`, { type: 'Job', data: job }]]);
const topicsOf = (draft: Draft): readonly string[] => draft.records.map(({ topic }) => topic);

describe('a transaction', () => {
  it('lets each input see the rows of the ones before it, and writes only the newest of a key', async () => {
    const seen: (number | undefined)[] = [];
    const draft = await drafting((_input, { get }) => {
      const before = get('marks', 'count', 'SeenMark')?.seenAtMs;
      seen.push(before);
      return {
        put: [{ store: 'marks', key: 'count', row: { type: 'SeenMark', data: { eventId: 'count', seenAtMs: (before ?? 0) + 1 } } }],
      };
    })(record(1), record(2), record(3));
    assert.deepEqual(seen, [undefined, 1, 2]);
    assert.equal(draft.puts.length, 1);
    assert.deepEqual(draft.consumed, new Map([[topics.scanRequests.name, 4]]));
  });

  it('gives the same events the same ids whenever it is drafted', async () => {
    const emit = drafting((input) =>
      isEvent(input, 'ScanRequested') ? { emit: [{ topic: topics.scanRequests, key: 'k', subject: 's', event: requested('x') }] } : {},
    );
    const ids = (draft: Draft) => draft.records.map(({ headers }) => headers['ce_id']?.toString());
    assert.deepEqual(ids(await emit(record(1), record(2))), [...ids(await emit(record(1))), ...ids(await emit(record(2)))]);
  });

  it('parks what makes the stage throw, undoing all that it had begun, and goes on', async () => {
    const draft = await drafting((input) => {
      if (isEvent(input, 'ScanRequested') && input.event.data.digest === 'd2')
        return { put: [mark('half')], emit: [{ topic: topics.audit, key: '', subject: '', event: requested('x') }] };
      return { put: [mark('whole')] };
    })(record(1), record(2), record(3));
    assert.deepEqual(draft.puts.filter(({ store }) => store === 'marks').map(({ key }) => key), ['whole']); // prettier-ignore
    assert.equal(draft.parked[0]?.code, 'STAGE_FAILED');
    assert.match(draft.parked[0].reason, /does not declare/);
    assert.deepEqual(topicsOf(draft).filter((topic) => topic === topics.parked.name), [topics.parked.name]); // prettier-ignore
    assert.equal(draft.consumed.get(topics.scanRequests.name), 4);
  });

  it('parks a step whose rows cannot be written, by the log or by the local store, and goes on', async () => {
    const unencodable = { type: 'SeenMark' as const, data: { eventId: 'd2', seenAtMs: 1n as never } };
    const wrong = [
      { step: { put: [{ store: 'marks', key: 'd2', row: unencodable }] }, reason: /BigInt/ },
      { step: { put: [mark('k'.repeat(2_000))] }, reason: /key of a row of marks is 2005 bytes long; the limit is 1900/ },
      { step: { put: [mark('half')], cancel: ['j'.repeat(2_000)] }, reason: /key of a row of @jobs/ },
      { step: { schedule: [{ id: 'j', kind: 'scan', key: 'k', payload: 'x'.repeat(5_000_000) }] }, reason: /a row of @jobs is/ },
      {
        step: { emit: [{ topic: topics.scanRequests, key: 'k', subject: 's', event: requested('x'.repeat(5_000_000)) }] },
        reason: /ScanRequested for waybill.scan-requests.v1 is 10000094 bytes long; the limit is/,
      },
    ];
    for (const { step, reason } of wrong) {
      const isBad = (input: Input): boolean => isEvent(input, 'ScanRequested') && input.event.data.digest === 'd2';
      const draft = await drafting((input) => (isBad(input) ? step : { put: [mark('whole')] }))(record(1), record(2), record(3));
      assert.match(draft.parked[0]?.reason ?? 'nothing', reason);
      assert.deepEqual(draft.puts.filter(({ store }) => store === 'marks').map(({ key }) => key), ['whole']); // prettier-ignore
      assert.equal(draft.records.length, 3);
    }
  });

  it('passes an event on with the bytes and headers that it came with, also such as nobody here knows', async () => {
    const work = record(1);
    assert.ok(work.kind === 'record');
    const headers = { ...work.record.headers, extra: Buffer.from('x') };
    const newer = { ...json, decodeSync: () => requested('of a newer version') };
    const passing = (input: Input): Step =>
      input.kind === 'event' ? { emit: [{ topic: topics.scanRequests, key: 'other', forward: input.event }] } : {};
    const draft = await drafting(passing, new Map(), newer)({ kind: 'record', record: { ...work.record, headers } });
    const [passed, ...more] = draft.records;
    assert.deepEqual([passed?.topic, passed?.partition, passed?.key], [topics.scanRequests.name, 5, 'other']);
    assert.deepEqual([passed?.value, passed?.headers, more], [work.record.value, headers, []]);
  });

  it('runs a record in the way of which there is something again, as if it had not been run before', async () => {
    let runs = 0;
    const draft = await drafting((input) => {
      runs += 1;
      const isBad = isEvent(input, 'ScanRequested') && input.event.data.digest === 'd2';
      return { put: [mark(`run ${runs}`), mark('k'.repeat(isBad ? 2_000 : 1))], mark: [] };
    })(record(1), record(2), record(3));
    assert.equal(draft.parked.length, 1);
    assert.deepEqual(draft.puts.filter(({ store }) => store === 'marks').map(({ key }) => key), ['run 1', 'k', 'run 4']); // prettier-ignore
    assert.equal(draft.consumed.get(topics.scanRequests.name), 4);
  });

  it('reads a row that another version has written, by loading its schema first', async () => {
    const rows = new Map<string, TypedRecord>([['marks/a', mark('a').row]]);
    const isLoaded = { a: false };
    const codec: Codec = {
      encode: json.encode,
      async decode(value) {
        isLoaded.a = true;
        return json.decode(value);
      },
      decodeSync(value) {
        if (!isLoaded.a) throw new StreamError('RECORD_UNDECODABLE', 'the schema has not been read');
        return json.decodeSync(value);
      },
    };
    const later = { ...codec, decode: async (value: Buffer) => (value.includes('SeenMark') ? codec.decode(value) : json.decode(value)) };
    const seen: unknown[] = [];
    const draft = await drafting((_input, { get }) => {
      seen.push(get('marks', 'a', 'SeenMark')?.eventId);
      return {};
    }, rows, later)(record(1)); // prettier-ignore
    assert.deepEqual(draft.parked, []);
    assert.deepEqual(seen, ['a']);
  });

  it('tells what its steps have counted, but for that of one that is parked', async () => {
    const draft = drafting((input) => {
      if (isEvent(input, 'ScanRequested') && input.event.data.digest === 'd1') return { noted: ['a'], emit: [{} as never] };
      return { noted: ['a', 'b'] };
    });
    const { noted, parked } = await draft(record(0), record(1), record(2));
    assert.deepEqual([noted, parked.length], [['a', 'b', 'a', 'b'], 1]);
  });

  it('parks nothing because the local store cannot be read', async () => {
    const rows = new Map<string, TypedRecord>();
    rows.has = () => {
      throw new StreamError('STORE_FAILED', 'a page is gone');
    };
    const draft = drafting((_input, { get }) => ({ ignored: get('marks', 'a', 'SeenMark')?.eventId ?? 'none' }), rows);
    await assert.rejects(draft(record(1)), { code: 'STORE_FAILED' });
  });

  it('ends before its last work when it is large enough, or has taken long enough', async () => {
    const works = Array.from({ length: 100 }, (_, index) => record(index));
    const large = drafting(() => ({ put: [{ ...mark('large'), key: 'x', row: row('x'.repeat(1_048_576)) }] }));
    const { worksCount, consumed } = await large(...works);
    assert.deepEqual([worksCount, consumed], [8, new Map([[topics.scanRequests.name, 8]])]);
    let nowMs = 0;
    const slow = await drafting(
      () => (void (nowMs += 10), {}),
      new Map(),
      json,
      () => nowMs,
    )(...works);
    assert.equal(slow.worksCount, 31);
    assert.equal(slow.consumed.get(topics.scanRequests.name), 31);
  });

  it('parks what cannot be decoded', async () => {
    const draft = await drafting(() => ({}))(record(1, Buffer.from('garbage')), record(2, null));
    assert.deepEqual(draft.parked.map(({ code }) => code), ['RECORD_UNDECODABLE', 'RECORD_UNDECODABLE']); // prettier-ignore
  });
});

describe('a job that has ended', () => {
  const emitting = (input: Input): Step => ({
    emit: [{ topic: topics.scanRequests, key: 'k', subject: input.kind, event: requested('x') }],
  });

  it('is gone with what follows from it', async () => {
    const draft = await drafting(emitting, rowsWith(jobRow()))(ended(jobRow(), { ok: true, result: 1 }));
    assert.deepEqual(topicsOf(draft), [topics.scanRequests.name, topics.scannerJobs.name]);
    assert.deepEqual(draft.jobs, new Map([['j', null]]));
  });

  it('is tried again with its reason kept, as long as there are tries', async () => {
    const end: JobEnd = { ok: false, code: 'X', reason: 'away', final: false, retryAtMs: 9_000 };
    const draft = await drafting(emitting, rowsWith(jobRow({ attempt: 1 })))(ended(jobRow({ attempt: 1 }), end));
    assert.deepEqual(topicsOf(draft), [topics.scannerJobs.name]);
    const next = draft.jobs.get('j');
    assert.deepEqual([next?.attempt, next?.notBeforeMs, next?.lastError, next?.status], [2, 9_000, 'X: away', 'due']);
  });

  it('is parked, and the stage told, after the last try or a final failure', async () => {
    for (const [attempt, final] of [
      [2, false],
      [0, true],
    ] as const) {
      // prettier-ignore
      const end: JobEnd = { ok: false, code: 'X', reason: 'away', final, retryAtMs: 9_000 };
      const draft = await drafting(emitting, rowsWith(jobRow({ attempt })))(ended(jobRow({ attempt }), end));
      assert.equal(draft.jobs.get('j')?.status, 'parked');
      assert.deepEqual(topicsOf(draft), [topics.scanRequests.name, topics.scannerJobs.name]);
    }
  });

  it('changes nothing when its row has been replaced or is gone', async () => {
    const newer = jobRow({ causeId: 'e2' });
    for (const rows of [rowsWith(newer), new Map<string, TypedRecord>()]) {
      const draft = await drafting(emitting, rows)(ended(jobRow(), { ok: true, result: 1 }));
      assert.deepEqual(draft.records, []);
    }
  });

  it('may be scheduled anew by what it leads to', async () => {
    const again = (): Step => ({ schedule: [{ id: 'j', kind: 'scan', key: 'k', payload: {} }] });
    const draft = await drafting(again, rowsWith(jobRow()))(ended(jobRow(), { ok: true, result: 1 }));
    assert.equal(draft.jobs.get('j')?.status, 'due');
    assert.notEqual(draft.jobs.get('j')?.causeId, 'e1');
  });
});

describe('a job that becomes more urgent', () => {
  const prioritizing = (): Step => ({ prioritize: [{ id: 'j', priority: 9 }] });

  it('is the same job otherwise, with the tries that it has had', async () => {
    const known = jobRow({ attempt: 2, lastError: 'X: away' });
    const draft = await drafting(prioritizing, rowsWith(known))(record(1));
    assert.deepEqual(draft.jobs, new Map([['j', { ...known, priority: 9 }]]));
  });

  it('is one that an earlier input of the same transaction has scheduled', async () => {
    const steps: Step[] = [{ schedule: [{ id: 'j', kind: 'scan', key: 'k', payload: {} }] }, prioritizing()];
    const draft = await drafting(() => steps.shift()!)(record(1), record(2));
    assert.deepEqual([draft.jobs.get('j')?.priority, draft.jobs.get('j')?.causeId], [9, 'e1']);
  });

  it('has a row whose schema is loaded first, where another version wrote it', async () => {
    const loaded = new Set<string>();
    const codec: Codec = {
      ...json,
      decodeSync(bytes) {
        if (!loaded.has('Job') && json.decodeSync(bytes).type === 'Job') throw new StreamError('RECORD_UNDECODABLE', 'no schema yet');
        return json.decodeSync(bytes);
      },
      async decode(bytes) {
        loaded.add(json.decodeSync(bytes).type);
        return json.decodeSync(bytes);
      },
    };
    const draft = await drafting(prioritizing, rowsWith(jobRow()), codec)(record(1));
    assert.deepEqual([draft.jobs.get('j')?.priority, draft.parked], [9, []]);
  });

  it('that is gone by then stays gone', async () => {
    const draft = await drafting(prioritizing)(record(1));
    assert.deepEqual([draft.jobs.size, draft.parked], [0, []]);
  });
});
