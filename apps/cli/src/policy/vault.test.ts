import assert from 'node:assert/strict';
import { chmodSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, describe, it } from 'node:test';
import { topics } from '@waybill/domain';
import { isSealed, parseKeyRing } from '@waybill/policy-engine';
import { jsonCodec } from '@waybill/stream/testing';
import { showHistory } from '../commands/policy-history.ts';
import { planPolicies } from '../commands/policy-plan.ts';
import { rollBack } from '../commands/policy-rollback.ts';
import { fakeConsole } from '../console.fixture.ts';
import { CliError } from '../exit.ts';
import { folderOf, policy, startLog } from './policies.fixture.ts';
import { readPolicyLog } from './policy-log.ts';
import { createVault, openVault, type Vault } from './vault.ts';

const line = (id: string, byte: number): string => `${id} ${Buffer.alloc(32, byte).toString('base64')}`;
const [oldKey, newKey] = [createVault(parseKeyRing(line('k1', 1))), createVault(parseKeyRing(`${line('k2', 2)}\n${line('k1', 1)}`))];
const noKey = createVault(undefined);

const secret = /hush/;
const confidential = (withinHours: number): string =>
  policy('app', withinHours, 'hush-customer/**').replace('name: app', 'name: app, sensitive: true');

type Started = ReturnType<typeof startLog>;
const bytesOf = ({ memory }: Started): string =>
  JSON.stringify((memory.records.get(topics.policies.name) ?? []).map(({ value, headers }) => [value?.toString('latin1'), headers]));

async function said(run: (console: ReturnType<typeof fakeConsole>['console']) => Promise<unknown>): Promise<string> {
  const fake = fakeConsole();
  await run(fake.console);
  return `${fake.out()}\n${fake.err()}`;
}
const history = ({ log }: Started, vault: Vault, output: 'table' | 'json' = 'table') =>
  said((console) => showHistory({ output, policyId: 'app', limit: 9, vault }, log, jsonCodec, console));
const plan = ({ log }: Started, vault: Vault, files: Readonly<Record<string, string>>, output: 'table' | 'json' = 'table') => {
  const options = { output, folder: folderOf(files), registriesPath: undefined, env: {}, retireMissing: false, images: 9, vault };
  return said((console) => planPolicies(options, log, jsonCodec, console));
};

describe('a sensitive policy', () => {
  it('is sealed in the log: its id, author and digest can be read, and nothing of what it asks for', async () => {
    const started = startLog();
    await started.apply({ app: confidential(1) }, { vault: oldKey });
    const { inForce } = await readPolicyLog(started.log, jsonCodec);
    const { data } = inForce.get('app')!;
    assert.ok(isSealed(data.document));
    assert.deepEqual([data.policyId, data.author, /^[0-9a-f]{64}$/.test(data.documentSha256)], ['app', 'ann', true]);
    assert.doesNotMatch(bytesOf(started), secret);
  });

  it('is not published without a key', async () => {
    const started = startLog();
    const isUsage = (error: unknown): boolean => error instanceof CliError && error.exitCode === 2 && /POLICY_KEY_FILE/.test(error.next);
    await assert.rejects(started.apply({ app: confidential(1) }), isUsage);
    assert.equal(bytesOf(started), '[]');
  });

  it('that says the same is not published again', async () => {
    const started = startLog();
    await started.apply({ app: confidential(1) }, { vault: oldKey });
    assert.match((await started.apply({ app: confidential(1) }, { vault: oldKey })).out, /1 unchanged\nnothing to publish/);
    assert.match((await started.apply({ app: confidential(2) }, { vault: oldKey })).out, /1 changed/);
  });

  it('is sealed anew under a new key, and what the old one sealed still opens', async () => {
    const started = startLog();
    await started.apply({ app: confidential(1) }, { vault: oldKey });
    assert.match((await started.apply({ app: confidential(1) }, { vault: newKey })).out, /1 changed/);
    assert.match((await started.apply({ app: confidential(1) }, { vault: newKey })).out, /nothing to publish/);
    assert.match(await history(started, newKey), /hush-customer/);
    assert.match(await history(started, oldKey), /confidential: it does not open here/);
  });

  it('is shown to whoever has the key, and to nobody else', async () => {
    const started = startLog();
    await started.apply({ app: confidential(1) }, { vault: oldKey });
    await started.apply({ app: confidential(2) }, { vault: oldKey });
    assert.match(await history(started, oldKey), /- +withinHours: 1\n.*\+ +withinHours: 2\n/);
    assert.match(await history(started, noKey), /changed by ann, \w{12} -> \w{12}\n {2}because\n {2}confidential: it does not open here/);
    assert.match(await plan(started, oldKey, { app: confidential(3) }), /\+ +withinHours: 3/);
    for (const shown of [
      await history(started, noKey),
      await history(started, noKey, 'json'),
      await history(started, oldKey, 'json'),
      await plan(started, noKey, { web: policy('web', 1) }),
      await plan(started, noKey, { web: policy('web', 1) }, 'json'),
      await plan(started, oldKey, { app: confidential(3) }, 'json'),
    ])
      assert.doesNotMatch(shown, secret);
  });

  it('that does not open is told of in a plan, which is made without it', async () => {
    const started = startLog();
    await started.apply({ app: confidential(1) }, { vault: oldKey });
    const shown = await plan(started, noKey, { web: policy('web', 1) });
    assert.match(shown, /warning log:app:1:1 is confidential and does not open here: nothing of this is about it POLICY_SEALED/);
    assert.match(shown, /kept app: in force and not in the folder/);
  });

  it('comes back by a rollback as it was sealed, also without the key', async () => {
    const started = startLog();
    await started.apply({ app: confidential(1) }, { vault: oldKey });
    await started.apply({ app: confidential(2) }, { vault: oldKey });
    const options = { output: 'table', policyId: 'app', to: undefined, author: 'eve', reason: 'back', dryRun: false } as const;
    const source = { registriesPath: undefined, env: {}, vault: noKey };
    const shown = await said((console) => rollBack({ ...options, ...source }, started.log, jsonCodec, console));
    assert.match(shown, /changed app\n {2}confidential: it does not open here\n/);
    const { events } = await readPolicyLog(started.log, jsonCodec);
    const [first, , last] = events.map(({ type, data }) => (type === 'PolicyPublished' ? data.document : ''));
    assert.equal(last, first);
    assert.doesNotMatch(bytesOf(started) + shown, secret);
  });
});

describe('a key file', () => {
  const root = mkdtempSync(join(tmpdir(), 'waybill-vault-'));
  after(() => rmSync(root, { recursive: true }));

  it('that cannot be read, or holds no keys, is wrong use, told without what it holds', async () => {
    const wrong = join(root, 'wrong');
    writeFileSync(wrong, 'k1 hush');
    for (const path of [wrong, join(root, 'gone')])
      await assert.rejects(
        openVault(path),
        (error: unknown) => error instanceof CliError && error.exitCode === 2 && !secret.test(error.message),
      );
    const right = join(root, 'right');
    writeFileSync(right, line('k1', 1));
    const started = startLog();
    await started.apply({ app: confidential(1) }, { vault: await openVault(right) });
    assert.match(await history(started, await openVault(right)), /hush-customer/);
  });

  it('holds wrapped keys, which the program of POLICY_KEY_COMMAND opens', async () => {
    const [path, program] = [join(root, 'wrapped'), join(root, 'unwrap')];
    writeFileSync(path, `k1 wrapped ${Buffer.alloc(32, 1).toString('hex')}`);
    writeFileSync(program, "#!/bin/sh\nnode -e \"console.log(Buffer.from(fs.readFileSync(0, 'utf8'), 'hex').toString('base64'))\"");
    chmodSync(program, 0o700);
    const started = startLog();
    await started.apply({ app: confidential(1) }, { vault: await openVault(path, { ...process.env, POLICY_KEY_COMMAND: program }) });
    assert.match(await history(started, oldKey), /hush-customer/);
    await assert.rejects(openVault(path, {}), /name what unwraps it in POLICY_KEY_COMMAND/);
  });

  it('need not be there', async () => assert.match(await history(await appliedOpen(), await openVault('')), /added by ann/));
});

async function appliedOpen(): Promise<Started> {
  const started = startLog();
  await started.apply({ app: policy('app', 1) });
  return started;
}
