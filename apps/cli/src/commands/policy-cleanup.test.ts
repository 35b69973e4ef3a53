import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { topics, type TenantUsage } from '@waybill/domain';
import { jsonCodec } from '@waybill/stream/testing';
import { fakeConsole } from '../console.fixture.ts';
import { CliError } from '../exit.ts';
import { copy, digestOf, push, put } from '../policy/catalog.fixture.ts';
import { folderOf, startLog } from '../policy/policies.fixture.ts';
import { createVault } from '../policy/vault.ts';
import { showCleanup, type PolicyCleanupOptions } from './policy-cleanup.ts';

const tenant = (name: string, repositories: string, more = ''): string =>
  `apiVersion: waybill/v1\nkind: Tenant\nmetadata: { name: ${name} }\nspec: { repositories: ['${repositories}']${more} }\n`;

/** Copies of the tenant demo, whose quota is so much; others are somebody else's. */
async function startTenant(quota: string) {
  const started = startLog();
  const { memory } = started;
  await started.apply({ demo: tenant('demo', 'demo/**', quota), other: tenant('other', 'other/**') });
  for (const [letter, daysAgo] of Object.entries({ a: 40, b: 30, c: 20 })) {
    push(memory, letter, daysAgo);
    copy(memory, letter);
  }
  push(memory, 'f', 99, { repository: 'other/app' });
  copy(memory, 'f', { repository: 'other/app' });
  return started;
}
type Started = Awaited<ReturnType<typeof startTenant>>;

function count({ memory }: Pick<Started, 'memory'>, bytes: number, images: number, partition = 0): void {
  const data: TenantUsage = {
    ...{ tenant: 'demo', partition, bytes, images, imagesUnsized: 0, copiesByMinute: [], releasedCount: 0, changedAtMs: 0 },
  };
  put(memory, topics.usage.name, `tenant/demo@${partition}`, { type: 'TenantUsage', data });
}

async function clean({ log }: Pick<Started, 'log'>, options: Partial<PolicyCleanupOptions> = {}, running: readonly string[] = []) {
  const said = fakeConsole(100);
  const folder = folderOf({ running: running.join('\n') });
  const defaults = {
    output: 'table',
    tenant: 'demo',
    running: `${folder}/running.yaml`,
    limit: 100,
    vault: createVault(undefined),
  } as const;
  const code = await showCleanup({ ...defaults, ...options }, log, jsonCodec, said.console);
  return { code, out: said.out(), err: said.err(), json: () => JSON.parse(said.out()) as Answer };
}
type Answer = {
  readonly need: object;
  readonly usage: { readonly bytes: number };
  readonly isUnder: boolean;
  readonly isEnough: boolean;
  readonly freed: object;
  readonly deletions: readonly { readonly registry: string; readonly digest: string }[];
  readonly leftOut: number;
};
const isNo = (message: RegExp) => (error: unknown) => error instanceof CliError && error.exitCode === 1 && message.test(error.message);

describe('policy cleanup', () => {
  it('says which copies to delete, the oldest first, and no more than is needed, within 100 columns', async () => {
    const started = await startTenant(', quota: { bytesMax: 2048 }');
    count(started, 2_048, 2);
    count(started, 1_024, 1, 1);
    const { code, out } = await clean(started, {}, ['a.test/demo/app:va']);
    assert.equal(code, 0);
    const lines = out.split('\n');
    for (const line of lines) assert.ok(line.length <= 100, line);
    assert.equal(lines[0], 'demo has 3.0 KiB of 2.0 KiB, in 3 images');
    assert.match(lines[3]!, /^b\.test\/demo\/app@sha256:b{12} +vb +30 d 0 h +1\.0 KiB +nobody is known to have pulled it$/);
    assert.match(lines.at(-1)!, /^to free: 1\.0 KiB and 0 images; these free 1\.0 KiB and 1 image\. Nothing was deleted\.$/);
  });

  it('prints the same as JSON', async () => {
    const started = await startTenant(', quota: { imagesMax: 1 }');
    count(started, 3_072, 3);
    const answer = (await clean(started, { output: 'json', limit: 1 })).json();
    assert.deepEqual([answer.need, answer.isUnder, answer.isEnough, answer.leftOut], [{ bytes: 0, images: 2 }, false, true, 1]);
    assert.deepEqual(answer.freed, { bytes: 2_048, images: 2 });
    assert.deepEqual(
      answer.deletions.map(({ registry, digest }) => `${registry} ${digest.at(-1)}`),
      ['b.test a'],
    );
  });

  it('counts each tag of a target, and leaves what somebody else has tagged', async () => {
    const started = await startTenant(', quota: { imagesMax: 2 }');
    copy(started.memory, 'a', { targetTag: 'old' });
    count(started, 4_096, 4);
    assert.deepEqual((await clean(started, { output: 'json' })).json().freed, { bytes: 2_048, images: 2 });
    const place = { registry: 'b.test', repository: 'demo/app' };
    const times = { firstSeenAtMs: 0, lastSeenAtMs: 0, changedAtMs: 0, deletedAtMs: null };
    const counts = { lastEventId: 'e', pushesCount: 1, movesCount: 0, previousDigest: null };
    const data = { ...place, tag: 'mine', digest: digestOf('a'), ...times, ...counts };
    put(started.memory, topics.catalog.name, 'b.test/demo/app:mine', { type: 'TagEntry', data });
    const { deletions } = (await clean(started, { output: 'json' })).json();
    assert.deepEqual(
      deletions.map(({ digest }) => digest.at(-1)),
      ['b', 'c'],
    );
  });

  it('says that a tenant is under its quota', async () => {
    const started = await startTenant(', quota: { bytesMax: 9999 }');
    count(started, 3_072, 3);
    const { code, out } = await clean(started);
    assert.equal(code, 0);
    assert.match(out, /It is under its quota: nothing has to be deleted\.$/);
  });

  it('says no where all that may go is not enough, and where nobody says what runs', async () => {
    const started = await startTenant(', quota: { bytesMax: 1 }');
    count(started, 9_999, 9);
    const { code, err } = await clean(started, {}, ['a.test/demo/app:va']);
    assert.deepEqual([code, err], [1, 'That is not enough, and the rest is in use or not known to be unused: have the quota raised.']);
    const unknown = await clean(started, { running: undefined });
    assert.equal(unknown.code, 1);
    assert.match(unknown.err, /What runs is not known, so nothing is proposed/);
  });

  it('refuses a tenant that is none, or has no quota, or was not counted', async () => {
    const started = await startTenant(', quota: { bytesMax: 1 }');
    await assert.rejects(clean(started, { tenant: 'nobody' }), isNo(/no Tenant document names nobody/));
    await assert.rejects(clean(started, { tenant: 'other' }), isNo(/other has no quota/));
    await assert.rejects(clean(started), isNo(/demo has copies, and nobody has counted them yet/));
  });
});
