import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { allTopics, topics } from '@waybill/domain';
import { parseKeyRing, seal } from '@waybill/policy-engine';
import { StreamError } from '@waybill/stream';
import { type FakeLog, fakeLog } from './log.fixture.ts';
import { image, indexDigest, pushOf, registry, repository, tag, wholeJourney } from './push.fixture.ts';
import { heldApps, jobApps } from './read-model/apps.ts';
import { keyOf } from './read-model/keys.ts';
import { createServer } from './server.ts';
import { groups } from './status/groups.ts';
import { createStatus, type Status, type StatusLog } from './status/status.ts';

const emptyLog: StatusLog = { partitions: 2, bounds: async () => ({ first: 0, end: 0 }), committed: async () => new Map() };

const circuits = async () => ({ asked: 0, unanswered: [], open: [] });
const serverOf = (log: FakeLog, statusLog = emptyLog, next = log.projector.next, live = {}) =>
  createServer({ reader: log.reader, status: createStatus({ log: statusLog, reader: log.reader, next, circuits, live }, () => 0) });

async function ask(log: FakeLog, url: string, statusLog = emptyLog, next = log.projector.next) {
  const server = await serverOf(log, statusLog, next);
  const { statusCode, body } = await server.inject({ url });
  await server.close();
  return { status: statusCode, body: JSON.parse(body) as Record<string, unknown> & { readonly code?: string; readonly next?: string } };
}
const tagRow = (name: string, change: object = {}) => ({
  type: 'TagEntry' as const,
  data: {
    ...{ registry, repository, tag: name, digest: indexDigest, previousDigest: null, firstSeenAtMs: 0, changedAtMs: 5, lastSeenAtMs: 5 },
    ...{ pushesCount: 1, movesCount: 0, deletedAtMs: null, lastEventId: 'push-1' },
    ...change,
  },
});

describe('GET /v1/trace', () => {
  it('answers with the newest journey, or all', async () => {
    const log = fakeLog();
    await wholeJourney(log, 'push-1');
    await wholeJourney(log, 'push-2', 60_000);
    const ids = async (query: string) =>
      ((await ask(log, `/v1/trace?image=${encodeURIComponent(image)}${query}`)).body['journeys'] as { correlationId: string }[]).map(
        (journey) => journey.correlationId,
      );
    assert.deepEqual(await ids(''), ['push-2']);
    assert.deepEqual(await ids('&all=true'), ['push-2', 'push-1']);
    assert.deepEqual(await ids('&all=true&limit=1'), ['push-2']);
  });

  it('keeps every detail of a step', async () => {
    const log = fakeLog();
    await wholeJourney(log);
    const { body } = await ask(log, `/v1/trace?image=${encodeURIComponent(image)}`);
    const [journey] = body['journeys'] as { steps: { kind: string; details: { trace?: unknown[]; findings?: unknown[] } }[] }[];
    assert.equal(journey?.steps.find(({ kind }) => kind === 'decided')?.details.trace?.length, 1);
    assert.deepEqual(journey?.steps.find(({ kind }) => kind === 'scanned')?.details.findings, []);
  });

  it('says what to do next where nothing is known, and where it is no image', async () => {
    const unknown = await ask(fakeLog(), '/v1/trace?image=demo/nothing:1');
    assert.deepEqual([unknown.status, unknown.body.code], [404, 'IMAGE_UNKNOWN']);
    assert.match(String(unknown.body.next), /webhook/);
    for (const query of ['image=%20', '', 'image=a&limit=0', 'image=a&limit=9999', 'image=a&all=maybe', `image=${'a'.repeat(2_000)}`])
      assert.deepEqual([(await ask(fakeLog(), `/v1/trace?${query}`)).status, query], [400, query]);
  });
});

describe('GET /v1/images', () => {
  it('lists tags page by page, with decision and copies', async () => {
    const log = fakeLog();
    await wholeJourney(log);
    await log.row(topics.catalog, image, tagRow(tag));
    await log.row(topics.catalog, `${registry}/${repository}:2.0`, tagRow('2.0', { digest: null, deletedAtMs: 9 }));
    await log.row(topics.catalog, 'ghcr.io/x:1', tagRow('1', { registry: 'ghcr.io', repository: 'x' }));
    const list = async (query = ''): Promise<readonly [names: readonly string[], cursor: string | null]> => {
      const { body } = await ask(log, `/v1/images?${query}`);
      const images = body['images'] as { repository: string; tag: string; status: string }[];
      return [images.map((each) => `${each.repository}:${each.tag} ${each.status}`), body['nextCursor'] as string | null];
    };
    assert.deepEqual(await list(), [['demo/app:1.0 copied', 'demo/app:2.0 deleted', 'x:1 seen'], null]);
    const [first, cursor] = await list('limit=2');
    assert.deepEqual(first, ['demo/app:1.0 copied', 'demo/app:2.0 deleted']);
    assert.deepEqual(await list(`limit=2&cursor=${cursor}`), [['x:1 seen'], null]);
    assert.deepEqual((await list('registry=ghcr.io'))[0], ['x:1 seen']);
    assert.deepEqual((await list(`registry=${registry}&repository=demo/app`))[0].length, 2);
    assert.deepEqual((await list(`registry=${registry}&repository=demo/ap`))[0], []);
  });

  it('refuses a cursor that no page gave, and a repository without its registry', async () => {
    assert.equal((await ask(fakeLog(), '/v1/images?cursor=%21%21')).status, 400);
    assert.equal((await ask(fakeLog(), '/v1/images?repository=demo/app')).status, 400);
    assert.equal((await ask(fakeLog(), '/v1/images?limit=501')).status, 400);
  });
});

describe('GET /v1/status', () => {
  it('counts what a group has not committed, but not the markers behind its last record', async () => {
    const log = fakeLog();
    await pushOf(log).pushed(topics.images);
    const statusLog: StatusLog = {
      partitions: 1,
      bounds: async ({ topic }) => ({ first: 0, end: topic === topics.images.name ? 2 : topic === topics.decisions.name ? 5 : 0 }),
      committed: async (group) => new Map(group === 'inspector' ? [[topics.images.name, 1]] : []),
    };
    const next = ({ topic }: { readonly topic: string }) => (topic === topics.images.name ? 2 : 0);
    const { body } = await ask(log, '/v1/status', statusLog, next);
    const lags = (body['groups'] as { group: string; lag: number }[]).map(({ group, lag }) => [group, lag]);
    assert.deepEqual(Object.fromEntries(lags), { dedup: 0, inspector: 0, scanner: 0, policy: 2, replicator: 5, usage: 7, audit: 7 });
  });

  it('counts no markers, however many transactions ended at the end of a partition', async () => {
    const log = fakeLog();
    await wholeJourney(log); // The last record of images has offset 0.
    const markers: StatusLog = {
      partitions: 1,
      bounds: async ({ topic }) => ({ first: 0, end: topic === topics.images.name ? 9 : 0 }),
      committed: async (group) => new Map([[topics.images.name, group === 'policy' ? 0 : 1]]),
    };
    const lagOf = async (group: string, readTo: number) => {
      const { body } = await ask(log, '/v1/status', markers, () => readTo);
      return (body['groups'] as { group: string; lag: number }[]).find((each) => each.group === group)?.lag;
    };
    assert.deepEqual([await lagOf('inspector', 9), await lagOf('policy', 9)], [0, 9]);
    assert.equal(await lagOf('inspector', 8), 8, 'unread, what lies there may be a record');
  });

  it('is of the versions that are live', async () => {
    const [log, asked] = [fakeLog(), new Set<string>()];
    const committed: StatusLog['committed'] = async (group) => (asked.add(group), new Map());
    const server = await serverOf(log, { ...emptyLog, committed }, log.projector.next, { dedup: 3 });
    const { groups } = (await server.inject({ url: '/v1/status' })).json<{ groups: readonly { group: string }[] }>();
    await server.close();
    const names = groups.map(({ group }) => group);
    assert.deepEqual(names, ['dedup.v3', 'inspector', 'scanner', 'policy', 'replicator', 'usage', 'audit']);
    assert.deepEqual([...asked], names);
  });

  it('says that Kafka is away', async () => {
    const away: StatusLog = { ...emptyLog, bounds: () => Promise.reject(new StreamError('LOG_UNAVAILABLE', 'no broker')) };
    const { status, body } = await ask(fakeLog(), '/v1/status', away);
    assert.deepEqual([status, body.code], [503, 'LOG_UNAVAILABLE']);
  });
});

describe('GET /v1/jobs', () => {
  const dayMs = 86_400_000;
  const job = (id: string, change: object = {}) => ({
    type: 'Job' as const,
    data: {
      ...{ id, kind: 'review', key: 'k', status: 'due', attempt: 0, priority: 0, notBeforeMs: dayMs, host: null, payload: '"secret"' },
      ...{ lastError: null, causeId: 'c', correlationId: 'c', traceparent: null, createdAtMs: 0, ...change },
    },
  });
  type Listed = {
    readonly jobs: readonly { readonly id: string; readonly stage: string; readonly dueAtMs: number }[];
    readonly nextCursor: string | null;
  };
  const list = async (log: FakeLog, query = '') => (await ask(log, `/v1/jobs${query}`)).body as unknown as Listed;

  it('are those of every app, what is due first coming first, and timers told from work', async () => {
    const log = fakeLog();
    await log.row(topics.policyJobs, 'b', job('b'));
    await log.row(topics.policyJobs, 'a', job('a', { notBeforeMs: 2 * dayMs }));
    await log.row(topics.policyJobs, 'sweep/0', job('sweep/0', { kind: 'sweep', notBeforeMs: 0 }));
    await log.row(topics.policyJobs, 'c', job('c', { status: 'parked' }));
    await log.row(topics.inspectorJobs, 'i', job('i', { kind: 'inspect', attempt: 2 }));
    const { jobs } = await list(log);
    assert.deepEqual(
      jobs.map(({ id, stage, dueAtMs }) => [id, stage, dueAtMs / dayMs]),
      [
        ['i', 'due', 1],
        ['sweep/0', 'due', 0],
        ['b', 'timer', 1],
        ['a', 'timer', 2],
      ],
    );
    assert.deepEqual(Object.keys(jobs[0]!).includes('payload'), false);
    const page = await list(log, '?app=policy&limit=1');
    assert.deepEqual([page.jobs[0]?.id, (await list(log, `?app=policy&limit=1&cursor=${page.nextCursor}`)).jobs[0]?.id], ['sweep/0', 'b']);
    const policyGroup = async () => {
      const { body } = await ask(log, '/v1/status');
      return (body['groups'] as Status['groups']).find(({ group }) => group === 'policy')!;
    };
    const { jobsDue, timers, jobsParked, nextDueAtMs } = await policyGroup();
    assert.deepEqual([jobsDue, timers, jobsParked, nextDueAtMs], [1, 2, 1, 0]);
    for (const id of ['a', 'b', 'c', 'sweep/0']) await log.row(topics.policyJobs, id, null);
    const { nextDueAtMs: none, ...rest } = await policyGroup();
    assert.deepEqual([rest.jobsDue, rest.timers, rest.jobsParked, none], [0, 0, 0, null]);
    assert.deepEqual((await list(log, '?app=policy')).jobs, []);
  });

  it('are listed for every app that has a topic of them', () => {
    const apps = allTopics.filter(({ records }) => records.includes('Job')).map(({ name }) => name);
    assert.deepEqual([...jobApps.keys()].toSorted(), apps.toSorted());
    const known = Object.keys(groups);
    for (const app of [...jobApps.values(), ...heldApps.values()]) assert.ok(known.includes(app), `${app} is no group of the status`);
  });

  it('refuses a cursor that no page gave', async () => {
    assert.deepEqual((await ask(fakeLog(), '/v1/jobs?cursor=*')).body.code, 'REQUEST_INVALID');
  });
});

describe('GET /v1/parked', () => {
  const parked = {
    app: 'gateway',
    topic: topics.deliveries.name,
    partition: 0,
    timestampMs: 0,
    key: null,
    headers: [],
    code: 'UNPARSEABLE',
    reason: 'no JSON',
  };

  it('lists newest first, and shows one by its origin or its own place', async () => {
    const log = fakeLog();
    for (const offset of [3, 4])
      await log.event(
        topics.parked,
        'RecordParked',
        { ...parked, offset, value: Buffer.from('{'), parkedAtMs: 1_000 + offset },
        { id: `p${offset}` },
      );
    const origins = ((await ask(log, '/v1/parked')).body['parked'] as { origin: { offset: number } }[]).map(({ origin }) => origin.offset);
    assert.deepEqual(origins, [4, 3]);
    for (const place of [`${topics.deliveries.name}/0/4`, `${topics.parked.name}/0/1`]) {
      const [shown] = (await ask(log, `/v1/parked/${place}`)).body['parked'] as { value: string; valueBytes: number; code: string }[];
      assert.deepEqual([shown?.value, shown?.valueBytes, shown?.code], [Buffer.from('{').toString('base64'), 1, 'UNPARSEABLE']);
    }
    assert.deepEqual((await ask(log, `/v1/parked/${topics.deliveries.name}/0/5`)).body.code, 'PARKED_UNKNOWN');
  });

  it('shows records that were parked before they had a place', async () => {
    const log = fakeLog();
    await log.event(topics.parked, 'RecordParked', { ...parked, partition: -1, offset: -1, value: null, parkedAtMs: 1 }, { id: 'p' });
    const { body } = await ask(log, `/v1/parked/${topics.deliveries.name}/-1/-1`);
    assert.equal((body['parked'] as unknown[]).length, 1);
  });
});

describe('what is parked now', () => {
  const held = (offset: number, change: object = {}) => ({
    type: 'HeldRecord' as const,
    data: {
      ...{
        topic: topics.images.name,
        partition: 0,
        offset,
        timestampMs: 0,
        key: Buffer.from('a'),
        value: Buffer.from('bytes'),
        headers: [],
      },
      ...{ status: 'parked', attempts: 2, code: 'STAGE_FAILED', reason: 'no tag', correlationId: 'push-1', heldAtMs: 1_000 + offset },
      ...change,
    },
  });
  const waiting = { status: 'waiting', attempts: 0, code: null, reason: null };
  const job = (status: string) => ({
    type: 'Job' as const,
    data: {
      ...{ id: 'a/b@sha256:1', kind: 'copy', key: 'k', status, attempt: 5, priority: 0, notBeforeMs: 0, host: null, payload: '{}' },
      ...{ lastError: 'REGISTRY_DENIED: no right: push', causeId: 'c', correlationId: 'c', traceparent: null, createdAtMs: 0 },
    },
  });
  const place = (offset: number): string => `${topics.images.name}/0/${offset}`;
  type Listed = { readonly parked: readonly Readonly<Record<string, unknown>>[]; readonly nextCursor: string | null };
  const list = async (log: FakeLog, query = '') => (await ask(log, `/v1/parked${query}`)).body as unknown as Listed;

  it('are the rows that say so: records with how many wait behind them, and jobs; what is settled is gone', async () => {
    const log = fakeLog();
    await log.row(topics.policyHeld, place(3), held(3));
    for (const offset of [4, 5]) await log.row(topics.policyHeld, place(offset), held(offset, waiting));
    await log.row(topics.policyHeld, place(6), held(6, { ...waiting, key: Buffer.from('b') }));
    await log.row(topics.replicatorJobs, job('parked').data.id, job('parked'), 9);
    const { parked } = await list(log);
    assert.deepEqual(
      parked.map(({ kind, app, id, code, reason, attempts, behind }) => [kind, app, id, code, reason, attempts, behind]),
      [
        ['job', 'replicator', 'a/b@sha256:1', 'REGISTRY_DENIED', 'no right: push', 5, 0],
        ['record', 'policy', place(3), 'STAGE_FAILED', 'no tag', 2, 2],
      ],
    );
    assert.deepEqual((await list(log, '?app=policy&code=STAGE_FAILED')).parked.length, 1);
    assert.deepEqual((await list(log, '?code=OTHER')).parked, []);
    const page = await list(log, '?limit=1');
    assert.deepEqual((await list(log, `?limit=1&cursor=${page.nextCursor}`)).parked[0]?.['id'], place(3));
    const found = async (id: string) => ((await ask(log, `/v1/parked/find?id=${encodeURIComponent(id)}`)).body as unknown as Listed).parked;
    assert.deepEqual([(await found('a/b@sha256:1')).length, (await found(place(3))).length, (await found(place(4))).length], [1, 1, 0]);

    const line = parked.find(({ kind }) => kind === 'record')!['line'] as string;
    const lineOf = async () => {
      const { waiting: left, stoppedBy } = (await ask(log, `/v1/parked/line?line=${encodeURIComponent(line)}`)).body;
      return [left, (stoppedBy as { id?: string } | null)?.id];
    };
    assert.deepEqual(await lineOf(), [2, place(3)]);
    await log.row(topics.policyHeld, place(3), null);
    assert.deepEqual(await lineOf(), [2, undefined], 'they are being run');
    await log.row(topics.policyHeld, place(4), held(4, { attempts: 1 }));
    assert.deepEqual(await lineOf(), [1, place(4)], 'the next one stops it');
    await log.row(topics.replicatorJobs, job('due').data.id, job('due'));
    assert.deepEqual(
      (await list(log)).parked.map(({ id, behind }) => [id, behind]),
      [[place(4), 1]],
    );
    for (const offset of [4, 5, 6]) await log.row(topics.policyHeld, place(offset), null);
    assert.deepEqual(await lineOf(), [0, undefined]);
    for (const store of ['aside', 'asideByTime', 'waiting', 'stops'] as const) assert.deepEqual([...log.reader.entries(store)], [], store);
    assert.deepEqual([...log.reader.entries('counters', { prefix: 'behind' })], []);
  });

  it('has deliveries of the gateway until somebody drops them, in whatever order that is read', async () => {
    const parked = {
      ...{ app: 'gateway', topic: topics.deliveries.name, partition: 0, offset: -1, timestampMs: 0, key: null, value: null, headers: [] },
      ...{ code: 'BODY_NOT_JSON', reason: 'no JSON', parkedAtMs: 1 },
    };
    const drop = (id: string) => ({ app: 'gateway', kind: 'record', id, requestedBy: 'ann', reason: 'noise', requestedAtMs: 2 });
    const log = fakeLog();
    await log.event(topics.parkedCommands, 'ParkedDropRequested', drop(`${topics.parked.name}/0/1`), { id: 'd1' });
    for (const id of ['p0', 'p1', 'p2']) await log.event(topics.parked, 'RecordParked', parked, { id });
    await log.event(topics.parkedCommands, 'ParkedDropRequested', drop(`${topics.parked.name}/0/2`), { id: 'd2' });
    assert.deepEqual(
      (await list(log)).parked.map(({ id, canRetry }) => [id, canRetry]),
      [[`${topics.parked.name}/0/0`, false]],
    );
    assert.equal(((await ask(log, '/v1/parked/history')).body['history'] as unknown[]).length, 3);
  });

  it('leaves to their rows what the apps themselves have parked', async () => {
    const log = fakeLog();
    const data = { ...held(3).data, app: 'policy', parkedAtMs: 1, code: 'STAGE_FAILED', reason: 'no tag' };
    await log.event(topics.parked, 'RecordParked', data, { id: 'p' });
    await log.event(
      topics.parkedCommands,
      'ParkedDropRequested',
      { app: 'policy', kind: 'record', id: place(3), requestedBy: 'a', reason: 'b', requestedAtMs: 1 },
      { id: 'd' },
    );
    assert.deepEqual([(await list(log)).parked, [...log.reader.entries('dropped')]], [[], []]);
  });
});

describe('the server', () => {
  it('describes itself, and says what a wrong path should have been', async () => {
    const { body } = await ask(fakeLog(), '/openapi.json');
    assert.deepEqual(Object.keys(body['paths'] as object).toSorted(), [
      '/v1/audit/links/{topic}/{partition}/{offset}',
      '/v1/images',
      '/v1/jobs',
      '/v1/parked',
      '/v1/parked/find',
      '/v1/parked/history',
      '/v1/parked/line',
      '/v1/parked/{topic}/{partition}/{offset}',
      '/v1/policies',
      '/v1/status',
      '/v1/trace',
    ]);
    assert.deepEqual((await ask(fakeLog(), '/v2/x')).body.code, 'ROUTE_UNKNOWN');
  });

  it('shows policies in force, and retired ones when asked', async () => {
    const log = fakeLog();
    const policy = { document: 'kind: x', documentSha256: 'x', author: 'deploy', reason: 'first', previousSha256: null };
    await log.event(topics.policies, 'PolicyPublished', { policyId: 'prod', ...policy, publishedAtMs: 1 }, { id: 'a' });
    await log.event(topics.policies, 'PolicyPublished', { policyId: 'old', ...policy, publishedAtMs: 1 }, { id: 'b' });
    await log.event(
      topics.policies,
      'PolicyRetired',
      { policyId: 'old', author: 'deploy', retiredAtMs: 2, reason: 'old', previousSha256: 'x' },
      { id: 'c' },
    );
    const ids = async (url: string) => ((await ask(log, url)).body['policies'] as { policyId: string }[]).map(({ policyId }) => policyId);
    assert.deepEqual(await ids('/v1/policies'), ['prod']);
    assert.deepEqual(await ids('/v1/policies?retired=true'), ['old', 'prod']);
    assert.deepEqual(log.reader.get('policies', keyOf('old'))?.document, 'kind: x');
    const all = (await ask(log, '/v1/policies?retired=true')).body['policies'] as readonly Readonly<Record<string, unknown>>[];
    const told = all.map(({ reason, previousSha256, retiredAtMs, isConfidential }) => [
      reason,
      previousSha256,
      retiredAtMs,
      isConfidential,
    ]);
    assert.deepEqual(told, [
      ['old', 'x', 2, false],
      ['first', null, null, false],
    ]);
  });

  it('shows of a confidential policy that it is there, and no bytes of it', async () => {
    const log = fakeLog();
    const ring = parseKeyRing(`k1 ${Buffer.alloc(32).toString('base64')}`);
    const document = seal('kind: x', 'quiet', ring, (length) => Buffer.alloc(length));
    const policy = { policyId: 'quiet', document, documentSha256: 'x', author: 'ann', publishedAtMs: 1, reason: '', previousSha256: null };
    await log.event(topics.policies, 'PolicyPublished', policy, { id: 'a' });
    const [shown] = (await ask(log, '/v1/policies')).body['policies'] as readonly [Readonly<Record<string, unknown>>];
    const { policyId, documentSha256, author, isConfidential, document: text } = shown;
    assert.deepEqual([policyId, documentSha256, author, isConfidential, text], ['quiet', 'x', 'ann', true, null]);
  });
});
