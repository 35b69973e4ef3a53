import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { topics } from '@waybill/domain';
import { jsonCodec } from '@waybill/stream/testing';
import { fakeConsole } from '../console.fixture.ts';
import { CliError } from '../exit.ts';
import { digestOf, push, put } from '../policy/catalog.fixture.ts';
import { folderOf, startLog } from '../policy/policies.fixture.ts';
import { createVault } from '../policy/vault.ts';
import { showRetention, type PolicyRetentionOptions } from './policy-retention.ts';

const retention = (name: string, spec: string): string =>
  `apiVersion: waybill/v1\nkind: RetentionPolicy\nmetadata: { name: ${name} }\nspec: ${spec}\n`;

async function startImages() {
  const started = startLog();
  await started.apply({ p: retention('default', '{ match: {}, keepNewest: 2, deleteUntaggedAfterDays: 7 }') });
  for (const [letter, daysAgo] of Object.entries({ a: 40, b: 30, c: 20, d: 10 })) push(started.memory, letter, daysAgo);
  push(started.memory, 'e', 9, { isTagged: false });
  push(started.memory, 'f', 99, { repository: 'other/app' });
  return started;
}
type Started = Awaited<ReturnType<typeof startImages>>;

async function show({ log }: Pick<Started, 'log'>, options: Partial<PolicyRetentionOptions> = {}, running: readonly string[] = []) {
  const said = fakeConsole(100);
  const folder = folderOf({ running: running.join('\n') });
  const defaults = {
    output: 'table',
    repositories: [],
    registry: undefined,
    kept: false,
    limit: 100,
    vault: createVault(undefined),
  } as const;
  const code = await showRetention({ ...defaults, running: `${folder}/running.yaml`, ...options }, log, jsonCodec, said.console);
  assert.equal(code, 0);
  return { out: said.out(), err: said.err(), json: () => JSON.parse(said.out()) as Answer };
}
type Answer = {
  readonly totals: Readonly<Record<string, number>>;
  readonly isRunningKnown: boolean;
  readonly policies: readonly string[];
  readonly repositories: readonly Readonly<Record<string, unknown>>[];
  readonly deletions: readonly Listed[];
  readonly kept?: readonly Listed[];
  readonly leftOut: { readonly deletions: number; readonly kept: number };
};
type Listed = { readonly digest: string; readonly tags: readonly string[]; readonly verdict: string; readonly policy: string };

describe('policy retention', () => {
  it('says what would be deleted and why, what stays, and how much that is, within 100 columns', async () => {
    const { out, err } = await show(await startImages(), {}, ['a.test/demo/app:va']);
    const lines = out.split('\n');
    for (const line of lines) assert.ok(line.length <= 100, line);
    assert.match(lines[2]!, /^a\.test\/demo\/app@sha256:b{12} +vb +30 d 0 h +1\.0 KiB +default: it is number 3 of the tagged$/);
    assert.match(out, /a\.test\/demo\/app@sha256:e{12} +- +9 d 0 h +1\.0 KiB +default: it has no tag, and/);
    assert.match(out, /^a\.test\/demo\/app +5 +2 +2\.0 KiB +2 kept by default, 1 in use$/m);
    assert.match(out, /^a\.test\/other\/app +1 +0 +0 B +1 kept by default$/m);
    assert.match(lines.at(-1)!, /^2 of 6 images would be deleted: at most 2\.0 KiB, as of .* UTC\. Nothing was deleted\.$/);
    assert.equal(err, '');
  });

  it('prints the same as JSON, of some repositories, with what stays', async () => {
    const started = await startImages();
    const { json } = await show(started, { output: 'json', repositories: ['demo/*'], kept: true, limit: 2 }, [digestOf('a')]);
    const answer = json();
    assert.deepEqual(answer.totals, { imagesCount: 5, deletedCount: 2, freedBytesMax: 2_048, unsizedCount: 0 });
    assert.deepEqual([answer.policies, answer.isRunningKnown], [['default'], true]);
    assert.deepEqual(
      answer.deletions.map(({ digest, verdict, policy }) => [digest.at(-1), verdict, policy]),
      [
        ['b', 'delete', 'default'],
        ['e', 'delete', 'default'],
      ],
    );
    assert.deepEqual(
      answer.kept?.map(({ tags, verdict }) => [tags[0], verdict]),
      [
        ['va', 'in-use'],
        ['vc', 'kept-by-policy'],
      ],
    );
    assert.deepEqual(answer.leftOut, { deletions: 0, kept: 1 });
    assert.equal((await show(started, { output: 'json', registry: 'b.test' })).json().totals['imagesCount'], 0);
  });

  it('deletes nothing where nobody says what runs, and tells how to say it', async () => {
    const { out, err } = await show(await startImages(), { running: undefined });
    assert.match(out, /^0 of 6 images would be deleted/m);
    assert.match(out, /^a\.test\/demo\/app +5 +0 +0 B +2 kept by default, 3 not known to be unused$/m);
    assert.match(err, /What runs is not known, so nothing is deleted.*--running/);
  });

  it('lists no more than is asked for, and says so', async () => {
    const { out } = await show(await startImages(), { limit: 1 });
    assert.match(out, /^and 2 more; --limit shows more$/m);
    assert.match(out, /^and 1 more repository; --limit shows more$/m);
  });

  it('without a policy says that there is none', async () => {
    const { out } = await show(startLog());
    assert.match(out, /^No RetentionPolicy is in force: nothing is deleted/);
  });

  it('proposes nothing where a policy that may keep something cannot be read', async () => {
    const started = await startImages();
    const data = { policyId: 'retention/x', document: 'kind: [', documentSha256: 'x', author: 'a', reason: '', previousSha256: null };
    const meta = { id: 'x', source: '/x', timeMs: Date.now(), subject: 'x', correlationId: 'x', causationId: null, traceparent: null };
    started.append(topics.policies, 'retention/x', { type: 'PolicyPublished', meta, data: { ...data, publishedAtMs: 1 } });
    await assert.rejects(
      show(started),
      (error) => error instanceof CliError && error.exitCode === 1 && /retention\/x is not valid/.test(error.message),
    );
  });

  it('refuses a name that is none, and a list of what runs that is none', async () => {
    const started = await startImages();
    const isUsage = (error: unknown): boolean => error instanceof CliError && error.exitCode === 2;
    await assert.rejects(show(started, {}, ['{}']), isUsage);
    await assert.rejects(show(started, { running: '/nowhere' }), isUsage);
    await assert.rejects(show(started, { repositories: ['a'.repeat(5_000)] }), isUsage);
  });

  it('tells of long readings', async () => {
    const started = await startImages();
    for (let more = 0; more < 1_000; more++) put(started.memory, topics.catalog.name, 'gone', null);
    const said = fakeConsole();
    const options = { output: 'json', repositories: [], registry: undefined, running: undefined, kept: false, limit: 1 } as const;
    await showRetention({ ...options, vault: createVault(undefined) }, started.log, jsonCodec, said.console);
    assert.deepEqual(said.progress(), [`1,000 rows of ${topics.catalog.name} read`, '']);
  });
});
