import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import type { Status } from '../answers.ts';
import type { ApiClient } from '../api-client.ts';
import { fakeConsole } from '../console.fixture.ts';
import { status } from './status.ts';

const atMs = Date.UTC(2026, 0, 1, 12);
const quiet: Status = {
  asOfMs: atMs,
  groups: [
    {
      group: 'policy',
      lag: 12,
      topics: [{ topic: 'waybill.images.v1', lag: 12, end: 40 }],
      jobsDue: 0,
      timers: 0,
      nextDueAtMs: null,
      jobsParked: 0,
      recordsParked: 0,
    },
    { group: 'replicator', lag: 0, topics: [], jobsDue: 1_204, timers: 3, nextDueAtMs: atMs, jobsParked: 2, recordsParked: 0 },
  ],
  parked: [],
  circuits: { asked: 2, unanswered: [], open: [] },
};

async function run(changes: Partial<Status> = {}, output: 'table' | 'json' = 'table', lagMax?: number) {
  const said = fakeConsole();
  const code = await status({ output, lagMax }, { get: async () => ({ ...quiet, ...changes }) } as unknown as ApiClient, said.console);
  return { code, out: said.out(), err: said.err() };
}

describe('waybill status', () => {
  it('shows a line per group, and on what it is behind', async () => {
    const { code, out, err } = await run();
    assert.equal(code, 0);
    assert.match(out, /replicator +0 +1,204 +3 +2 +0 +2026-01-01 12:00:00$/m);
    assert.match(out, /policy is 12 behind on waybill\.images\.v1\nas of 2026-01-01 12:00:00 UTC$/);
    assert.equal(err, '');
  });

  it('says no where a group is further behind than it may be', async () => {
    const { code, err } = await run({}, 'json', 11);
    assert.deepEqual([code, err], [1, 'Behind by more than 11: policy (12)']);
    assert.equal((await run({}, 'json', 12)).code, 0);
  });

  it('shows which hosts are left alone, and since when', async () => {
    const open = [{ app: 'replicator', kind: 'copy', host: 'b.example\u0007', state: 'half-open', openSinceMs: atMs - 185_000 } as const];
    const { code, out } = await run({ circuits: { asked: 2, unanswered: [], open } });
    assert.equal(code, 0);
    assert.match(out, /replicator: copy jobs for b\.example\ufffd wait, its circuit is open since 2026-01-01 11:56:55 UTC \(3 min 5 s\)/);
  });

  it('does not take silence for health', async () => {
    const unanswered = ['http://10.0.0.1:28103'];
    assert.match((await run({ circuits: { asked: 1, unanswered, open: [] } })).out, /28103 gives no answer: its circuits are not known/);
    assert.match((await run({ circuits: { asked: 0, unanswered: [], open: [] } })).out, /circuits are not known: the API has no OPS_URLS/);
    assert.doesNotMatch((await run()).out, /circuit/);
  });

  it('prints as JSON what the API says', async () => assert.deepEqual(JSON.parse((await run({}, 'json')).out), quiet));
});
