import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import type { Aside, ParkedHistory, ParkedList, ParkedRecord } from '../answers.ts';
import type { ApiClient } from '../api-client.ts';
import { fakeConsole } from '../console.fixture.ts';
import { CliError } from '../exit.ts';
import { listJobs } from './parked-jobs.ts';
import { listParked, type ListOptions, showParked } from './parked.ts';

const id = 'waybill.images.v1/2/7';
const aside: Aside = {
  ...{ kind: 'record', app: 'policy', id, partition: 2, code: 'STAGE_FAILED', reason: 'no tag', attempts: 1 },
  ...{ parkedAtMs: Date.UTC(2026, 0, 1), correlationId: 'push-1', behind: 3, line: 'a', canRetry: true },
};
const job: Aside = { ...aside, kind: 'job', app: 'replicator', id: 'copy/a', code: 'REGISTRY_DENIED', behind: 0, line: null };
const record: ParkedRecord = {
  ...{ app: 'policy', origin: { topic: 'waybill.images.v1', partition: 2, offset: 7 }, code: 'STAGE_FAILED', reason: 'no tag' },
  ...{ parked: { topic: 'waybill.parked.v1', partition: 2, offset: 0 }, parkedAtMs: Date.UTC(2026, 0, 1), valueBytes: 9 },
  ...{ key: Buffer.from('a/b').toString('base64'), value: Buffer.from('evil\u001b[2J').toString('base64') },
  headers: [{ name: 'ce_type', value: Buffer.from('ImagePushed').toString('base64') }],
};

/** Answers by path; keeps what was asked. */
function apiOf(answers: Readonly<Record<string, unknown>>) {
  const asked: (readonly [string, object | undefined])[] = [];
  const get = async (path: string, query?: object): Promise<unknown> => {
    asked.push([path, query]);
    return answers[path] ?? assert.fail(`nothing is at ${path}`);
  };
  return { api: { get } as ApiClient, asked };
}

async function list(answer: ParkedList | ParkedHistory, changes: Partial<ListOptions> = {}) {
  const { api, asked } = apiOf({ '/v1/parked': answer, '/v1/parked/history': answer });
  const said = fakeConsole();
  const options: ListOptions = { output: 'table', all: false, app: undefined, code: undefined, limit: 50, cursor: undefined };
  const code = await listParked({ ...options, ...changes }, api, said.console);
  return { code, out: said.out(), err: said.err(), asked };
}

describe('waybill parked jobs', () => {
  const timer = {
    app: 'policy',
    id: 'a.test/x:v1',
    kind: 'review',
    stage: 'timer',
    dueAtMs: aside.parkedAtMs,
    attempts: 0,
    lastError: null,
  };

  it('shows what is due when, and where a page ends', async () => {
    const answer = { jobs: [timer], nextCursor: 'next' };
    const query = { app: 'policy', limit: 2, cursor: undefined };
    for (const output of ['table', 'json'] as const) {
      const { api, asked } = apiOf({ '/v1/jobs': answer });
      const said = fakeConsole();
      assert.equal(await listJobs({ output, ...query }, api, said.console), 0);
      assert.deepEqual(asked, [['/v1/jobs', query]]);
      if (output === 'json') assert.deepEqual([JSON.parse(said.out()), said.err()], [answer, '']);
      else assert.match(said.out(), /2026-01-01 00:00:00 +policy +review +timer +0 +a\.test\/x:v1 +-$/);
      if (output === 'table') assert.equal(said.err(), 'More: add --cursor next');
    }
  });

  it('says that there is nothing', async () => {
    const said = fakeConsole();
    await listJobs(
      { output: 'table', app: undefined, limit: 1, cursor: undefined },
      apiOf({ '/v1/jobs': { jobs: [], nextCursor: null } }).api,
      said.console,
    );
    assert.equal(said.out(), 'No job and no timer waits.');
  });
});

describe('waybill parked list', () => {
  it('shows what is parked now with what waits behind it, and where a page ends', async () => {
    const { code, out, err, asked } = await list({ parked: [aside, job], nextCursor: 'next' }, { app: 'policy', code: 'X', limit: 2 });
    assert.equal(code, 0);
    assert.match(out, /2026-01-01 00:00:00 +policy +record +STAGE_FAILED +1 +3 +waybill\.images\.v1\/2\/7 +no tag/);
    assert.equal(err, 'More: add --cursor next');
    assert.deepEqual(asked, [['/v1/parked', { app: 'policy', code: 'X', limit: 2, cursor: undefined }]]);
  });

  it('prints as JSON what the API says, and the cursor in no other place', async () => {
    const answer = { parked: [aside], nextCursor: 'next' };
    const { code, out, err } = await list(answer, { output: 'json' });
    assert.deepEqual([code, JSON.parse(out), err], [0, answer, '']);
  });

  it('says that there is nothing', async () => {
    assert.equal((await list({ parked: [], nextCursor: null })).out, 'Nothing is parked.');
    assert.equal((await list({ history: [], nextCursor: null }, { all: true })).out, 'Nothing was ever parked.');
  });

  it('shows with --all whatever was parked, by where it came from', async () => {
    const { out, asked } = await list({ history: [record], nextCursor: null }, { all: true });
    assert.match(out, /policy +STAGE_FAILED +waybill\.images\.v1\/2\/7 +9 +no tag/);
    assert.equal(asked[0]![0], '/v1/parked/history');
    assert.match(
      (await list({ history: [{ ...record, origin: { ...record.origin, offset: -1 } }], nextCursor: null }, { all: true })).out,
      /waybill\.parked\.v1\/2\/0/,
    );
  });
});

describe('waybill parked show', () => {
  const find = '/v1/parked/find';
  const show = async (wanted: string, answers: Readonly<Record<string, unknown>>, output: 'table' | 'json' = 'table') => {
    const said = fakeConsole();
    const { api, asked } = apiOf(answers);
    const code = await showParked(wanted, { output }, api, said.console);
    return { code, out: said.out(), asked };
  };

  it('says how to have a delivery read again that the gateway could not read', async () => {
    const place = 'waybill.parked.v1/2/0';
    const unread: Aside = { ...aside, app: 'gateway', id: place, code: 'EVENT_UNKNOWN', behind: 0, canRetry: false };
    const { out } = await show(place, { [find]: { parked: [unread] }, '/v1/parked/waybill.parked.v1/2/0': { parked: [record] } });
    assert.match(out, /next +waybill deliveries replay waybill\.parked\.v1\/2\/0, then waybill parked drop/);
  });

  it('shows a record with what waits behind it, its headers and bytes, which do not steer the terminal', async () => {
    const { code, out } = await show(id, { [find]: { parked: [aside] }, '/v1/parked/waybill.images.v1/2/7': { parked: [record] } });
    assert.equal(code, 0);
    for (const text of ['record waybill.images.v1/2/7 of policy', '3 records wait', 'header ce_type ImagePushed', 'a/b', 'evil\ufffd[2J'])
      assert.ok(out.includes(text), text);
  });

  it('shows a record that is settled, and a job that has no bytes', async () => {
    assert.match((await show(id, { [find]: { parked: [] }, '/v1/parked/waybill.images.v1/2/7': { parked: [record] } })).out, /^parked by/);
    const { out, asked } = await show('copy/a', { [find]: { parked: [job] } });
    assert.match(out, /job copy\/a of replicator(.|\n)*nothing waits/);
    assert.equal(asked.length, 1);
  });

  it('prints both as JSON', async () => {
    const { out } = await show(id, { [find]: { parked: [aside] }, '/v1/parked/waybill.images.v1/2/7': { parked: [record] } }, 'json');
    assert.deepEqual(JSON.parse(out), { aside: [aside], parked: [record] });
  });

  it('says no to what is neither a job that is parked nor the place of a record', async () => {
    for (const wanted of ['copy/b', 'waybill.images.v1/2', 'a/b/c/1/2', ''])
      await assert.rejects(show(wanted, { [find]: { parked: [] } }), (error: unknown) => {
        assert.ok(error instanceof CliError);
        assert.match(error.next, /parked list/);
        return error.exitCode === 1;
      });
  });
});
