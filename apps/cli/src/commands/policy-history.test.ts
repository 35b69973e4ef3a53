import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { jsonCodec } from '@waybill/stream/testing';
import { compileRulebook, versionOf } from '@waybill/policy-engine';
import { fakeConsole } from '../console.fixture.ts';
import { CliError, type ExitCode } from '../exit.ts';
import { fileInLog, parsePolicyText } from '../policy/folder.ts';
import { changesOf } from '../policy/history.ts';
import { policy, startLog } from '../policy/policies.fixture.ts';
import { readPolicyLog } from '../policy/policy-log.ts';
import { createVault } from '../policy/vault.ts';
import { showHistory } from './policy-history.ts';
import { rollBack, type PolicyRollbackOptions } from './policy-rollback.ts';

/** Three changes: a and b, then another a and no b, then c. */
async function startHistory() {
  const started = startLog();
  await started.apply({ a: policy('a', 1), b: policy('b', 1) }, { reason: 'the first' });
  await started.apply({ a: policy('a', 2) }, { reason: 'scan less', author: 'bob', retireMissing: true });
  await started.apply({ c: policy('c', 1) }, { reason: 'c too' });
  const state = async () => {
    const { inForce } = await readPolicyLog(started.log, jsonCodec);
    return [...inForce.values()].map(({ data }) => `${data.policyId}${/withinHours: (\d)/.exec(data.document)?.[1]}`).toSorted();
  };
  const changes = changesOf(await readPolicyLog(started.log, jsonCodec));
  return { ...started, state, changes };
}
type Started = Awaited<ReturnType<typeof startHistory>>;

async function history({ log }: Started, policyId?: string, output: 'table' | 'json' = 'table', limit = 50): Promise<string> {
  const said = fakeConsole();
  assert.equal(await showHistory({ output, policyId, limit, vault: createVault(undefined) }, log, jsonCodec, said.console), 0);
  return said.out();
}
async function back({ log }: Started, options: Partial<PolicyRollbackOptions>): Promise<string> {
  const said = fakeConsole();
  const defaults = { output: 'table', policyId: undefined, to: undefined, author: 'eve', reason: 'was better', dryRun: false } as const;
  const source = { registriesPath: undefined, env: {}, vault: createVault(undefined) };
  assert.equal(await rollBack({ ...defaults, ...source, ...options }, log, jsonCodec, said.console), 0);
  return said.out();
}
const isExit = (exitCode: ExitCode, message: RegExp) => (error: unknown) =>
  error instanceof CliError && error.exitCode === exitCode && message.test(error.message);

describe('policy history', () => {
  it('lists what was published at once, with who and why, newest first', async () => {
    const started = await startHistory();
    const lines = (await history(started)).split('\n');
    assert.match(lines[1]!, /^[0-9a-f]{8} {2}20\S+ \S+ {2}ann {2}added c +c too$/);
    assert.match(lines[2]!, /^[0-9a-f]{8} {2}20\S+ \S+ {2}bob {2}changed a, retired b +scan less$/);
    assert.match(lines[3]!, /^[0-9a-f]{8} {2}20\S+ \S+ {2}ann {2}added a, added b +the first$/);
    assert.match(await history(started, undefined, 'table', 1), /added c.*\nand 2 older ones; --limit shows more$/);
    const { changes, leftOut } = JSON.parse(await history(started, undefined, 'json', 2)) as {
      changes: readonly object[];
      leftOut: number;
    };
    assert.deepEqual([changes.length, leftOut], [2, 1]);
  });

  it('shows of one policy what changed in it', async () => {
    const lines = (await history(await startHistory(), 'a')).split('\n');
    assert.match(lines[0]!, /^[0-9a-f]{8} 20\S+ \S+ changed by bob, [0-9a-f]{12} -> [0-9a-f]{12}$/);
    assert.equal(lines[1], '  scan less');
    assert.ok(lines.includes('  -       withinHours: 1') && lines.includes('  +       withinHours: 2'));
    assert.match(
      lines.find((line) => line.includes('added'))!,
      /added by ann, nothing -> [0-9a-f]{12}$/,
    );
  });

  it('knows no policy that never was', async () =>
    assert.rejects(history(await startHistory(), 'z'), isExit(1, /no policy z was ever published/)));
});

describe('policy rollback', () => {
  it('takes the last change of one policy back, as a new event', async () => {
    const started = await startHistory();
    assert.match(
      await back(started, { policyId: 'a' }),
      /-       withinHours: 2\n.*\+       withinHours: 1\n(.|\n)*0 added, 1 changed, 0 retired/,
    );
    assert.deepEqual(await started.state(), ['a1', 'c1']);
    await back(started, { policyId: 'b' });
    assert.deepEqual(await started.state(), ['a1', 'b1', 'c1'], 'one that was retired comes back');
    await back(started, { policyId: 'c' });
    assert.deepEqual(await started.state(), ['a1', 'b1'], 'one that was new goes');
    assert.match(await history(started), /eve {2}retired c +was better/);
  });

  it('goes back to the state after a change, at a time, or of a version that a decision names', async () => {
    const started = await startHistory();
    const { changes } = started;
    await back(started, { to: changes[0]!.id.slice(0, 8) });
    assert.deepEqual(await started.state(), ['a1', 'b1']);
    await back(started, { to: new Date(changes[1]!.atMs).toISOString() });
    assert.deepEqual(await started.state(), ['a2']);
    const documents = [policy('a', 2), policy('c', 1)].flatMap((text) => {
      const read = parsePolicyText(fileInLog('x'), text);
      return 'faults' in read ? [] : [read.document];
    });
    await back(started, { to: versionOf(compileRulebook(documents)) });
    assert.deepEqual(await started.state(), ['a2', 'c1']);
    await back(started, { policyId: 'b', to: changes[0]!.id });
    assert.deepEqual(await started.state(), ['a2', 'b1', 'c1'], 'one policy alone');
  });

  it('that is only looked at changes nothing', async () => {
    const started = await startHistory();
    assert.match(await back(started, { to: started.changes[0]!.id, dryRun: true }), /1 added, 1 changed, 1 retired/);
    assert.deepEqual(await started.state(), ['a2', 'c1']);
  });

  it('refuses what never was, and what was said by nothing', async () => {
    const started = await startHistory();
    for (const to of ['00000000', 'abc', '2001-01-01', '*'])
      await assert.rejects(back(started, { to }), isExit(1, /the policies never were at/), to);
    await assert.rejects(back(started, { policyId: 'z' }), isExit(1, /no policy z was ever published/));
    await assert.rejects(back(started, {}), isExit(2, /neither a policy nor a state is named/));
    assert.deepEqual(await started.state(), ['a2', 'c1']);
  });
});
