import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { digestKey, tagKey, topics, type DecisionState, type TypedRecord } from '@waybill/domain';
import { targetAt } from '@waybill/domain/testing';
import { emptyEvidence } from '@waybill/policy-engine';
import { jsonCodec, type MemoryLog } from '@waybill/stream/testing';
import { fakeConsole } from '../console.fixture.ts';
import { folderOf, policy, startLog } from '../policy/policies.fixture.ts';
import { createVault } from '../policy/vault.ts';
import { planPolicies, type PolicyPlanOptions } from './policy-plan.ts';

const digestOf = (tag: string): string => `sha256:${tag.padStart(64, '0')}`;
const hourMs = 3_600_000;

/** A tag whose image was scanned so many hours ago, as the rows of `apps/policy` have it. */
function remember(memory: MemoryLog, repository: string, tag: string, scannedHoursAgo: number, changes: Partial<DecisionState> = {}): void {
  const image = { registry: 'a.test', repository };
  const digest = digestOf(tag);
  const scan = {
    ...{ digest, outcome: 'scanned', worstSeverity: 'none', reason: null, scanEventId: 's' },
    scannedAtMs: Date.now() - scannedHoursAgo * hourMs,
  };
  const evidence = {
    ...emptyEvidence(image, digest),
    inspected: true,
    kind: 'image',
    platformDigests: [digest],
    scans: [scan],
    tags: [tag],
  };
  const row = { ...image, tag, digest, status: 'allowed', earlierImages: 0, earlierBytes: 0, ...changes };
  const put = (topic: string, key: string, type: TypedRecord['type'], data: object): void =>
    memory.append({ topic, partition: 0, key, value: jsonCodec.encode({ type, data } as TypedRecord), headers: {} });
  put(topics.decisionState.name, tagKey(image, tag), 'DecisionState', row);
  put(topics.policyEvidence.name, digestKey(image, digest), 'ImageEvidence', evidence);
}

async function plan(
  { log }: ReturnType<typeof startLog>,
  files: Readonly<Record<string, string>>,
  options: Partial<PolicyPlanOptions> = {},
) {
  const said = fakeConsole();
  const folder = folderOf(files);
  const defaults = {
    output: 'table',
    folder,
    registriesPath: undefined,
    env: {},
    retireMissing: false,
    images: 100,
    vault: createVault(undefined),
  } as const;
  const code = await planPolicies({ ...defaults, ...options }, log, jsonCodec, said.console);
  return { code, out: said.out().replaceAll(folder, '<folder>'), err: said.err().replaceAll(`${folder}/`, '') };
}

describe('policy plan', () => {
  it('shows what would be published, with what changes in it, and changes nothing', async () => {
    const started = startLog();
    await started.apply({ same: policy('same', 1), web: policy('web', 24), old: policy('old', 1) });
    const recordsCount = started.memory.keys(topics.policies.name).length;
    const { code, out } = await plan(
      started,
      { same: policy('same', 1), web: policy('web', 12), new: policy('new', 1) },
      { retireMissing: true },
    );
    assert.equal(code, 0);
    assert.deepEqual(out.split('\n').slice(0, -1), [
      'added new',
      'retired old',
      'changed web',
      '      require:',
      '        scan:',
      '  -       withinHours: 24',
      '  +       withinHours: 12',
      '          worstSeverity: high',
      '      replicate: [{ registry: b }]',
      '1 added, 1 changed, 1 retired, 1 unchanged',
      '0 images known now, none of them would be decided otherwise',
    ]);
    assert.match(out, /To carry it out: waybill policy apply <folder> --retire-missing --base [0-9a-f]{12} --reason <why>$/);
    assert.equal(started.memory.keys(topics.policies.name).length, recordsCount);
  });

  it('decides the images that are known now by both, and shows those that would be decided otherwise', async () => {
    const started = startLog();
    await started.apply({ demo: policy('demo', 24) });
    for (const [tag, hoursAgo] of Object.entries({ 1: 2, 2: 20, 3: 30 })) remember(started.memory, 'demo/app', tag, hoursAgo);
    remember(started.memory, 'other/app', '4', 2);
    remember(started.memory, 'demo/app', '5', 20, { status: 'deleted' });
    remember(started.memory, 'demo/app', '6', 20, { digest: '' });
    const { out } = await plan(started, { demo: policy('demo', 12), other: policy('other', 24) });
    const lines = out.split('\n');
    const images = lines.slice(lines.findIndex((line) => line.includes('images known now')));
    assert.equal(images[0], '4 images known now, 2 would be decided otherwise: 1 allow -> held, 1 deny -> allow');
    assert.match(
      images[1]!,
      /^ {2}a\.test\/demo\/app:2 {2}allow -> held, by demo: waits for scan of sha256:0*2 \(the last is older than 12 h\)$/,
    );
    assert.match(images[2]!, /^ {2}a\.test\/other\/app:4 {2}deny -> allow to b\/other\/app:4, by other: scanned, worst severity none/);
  });

  it('knows what registries, usage and pulls say, as whoever decides does', async () => {
    const spec = (imagesMax: number): string => `{ repositories: ['demo/**'], quota: { imagesMax: ${imagesMax} } }`;
    const tenant = (imagesMax: number): string =>
      `{ apiVersion: waybill/v1, kind: Tenant, metadata: { name: shop }, spec: ${spec(imagesMax)} }`;
    const started = startLog();
    await started.apply({ demo: policy('demo', 24) });
    const targets = [targetAt('b', 'demo/app', '1')];
    remember(started.memory, 'demo/app', '1', 2, { toldOutcome: 'allow', targets });
    remember(started.memory, 'demo/app', '2', 2);
    const usage = { partition: 0, bytes: 1, images: 1, imagesUnsized: 0, copiesByMinute: [], releasedCount: 0, changedAtMs: 0 };
    const value = jsonCodec.encode({ type: 'TenantUsage', data: { tenant: 'shop', ...usage } });
    started.memory.append({ topic: topics.usage.name, partition: 0, key: 'tenant/shop@0', value, headers: {} });
    const shiftBy = async (imagesMax: number) => (await plan(started, { demo: policy('demo', 24), shop: tenant(imagesMax) })).out;
    assert.match(await shiftBy(2), /^2 images known now, none of them would be decided otherwise$/m);
    const out = await shiftBy(1);
    assert.match(out, /^2 images known now, 1 would be decided otherwise: 1 allow -> deny$/m, 'what is counted already stays');
    assert.match(out, /^ {2}a\.test\/demo\/app:2 {2}allow -> deny, by demo: tenant shop would have 2 images/m);
  });

  it('decides by both what may run as well, as soon as either speaks of it', async () => {
    const run = (tags: string): string =>
      `apiVersion: waybill/v1\nkind: AdmissionPolicy\nmetadata: { name: run }\nspec: { match: { tags: ['${tags}'] } }\n`;
    const started = startLog();
    await started.apply({ demo: policy('demo', 24) });
    for (const tag of ['1', '2']) remember(started.memory, 'demo/app', tag, 2);
    const files = { demo: policy('demo', 24) };
    const admissionOf = async (folder: Readonly<Record<string, string>>, output: 'table' | 'json' = 'table') =>
      (await plan(started, folder, { output, retireMissing: true })).out;
    assert.doesNotMatch(await admissionOf({ demo: policy('demo', 12) }), /may run/);
    const added = (await admissionOf({ ...files, run: run('1') })).split('\n');
    const at = added.indexOf('may run: 2 would be decided otherwise: 1 unsaid -> allow, 1 unsaid -> deny');
    assert.match(added[at - 1]!, /^2 images known now, none of them would be decided otherwise$/);
    assert.match(added[at + 1]!, /^ {2}a\.test\/demo\/app:1 {2}unsaid -> allow, by admission\/run: nothing more is required$/);
    assert.match(added[at + 2]!, /^ {2}a\.test\/demo\/app:2 {2}unsaid -> deny, by no policy: no policy matches$/);
    await started.apply({ run: run('1') });
    const { images } = JSON.parse(await admissionOf({ ...files, run: run('2') }, 'json')) as {
      images: { changedCount: number; admission: { changedCount: number; counts: readonly object[] } };
    };
    assert.deepEqual([images.changedCount, images.admission.changedCount], [0, 2]);
    assert.deepEqual(images.admission.counts, [
      { from: 'allow', to: 'deny', count: 1 },
      { from: 'deny', to: 'allow', count: 1 },
    ]);
    assert.match(await admissionOf(files), /^may run: 2 would be decided otherwise: 1 allow -> unsaid, 1 deny -> unsaid$/m);
  });

  it('tells of images that would go elsewhere', async () => {
    const started = startLog();
    await started.apply({ demo: policy('demo', 24) });
    remember(started.memory, 'demo/app', '1', 2);
    const { out } = await plan(started, { demo: policy('demo', 24).replace('registry: b', 'registry: c') });
    assert.match(out, /1 image known now, 1 would .*: 1 to other targets\n {2}a\.test\/demo\/app:1 {2}allow -> allow to c\/demo/);
  });

  it('looks at the newest tags only where there are too many, and says so', async () => {
    const started = startLog();
    for (const tag of ['1', '2', '3', '1']) remember(started.memory, 'demo/app', tag, 2);
    const { out } = await plan(started, { demo: policy('demo', 24) }, { output: 'json', images: 2 });
    const { images } = JSON.parse(out) as { images: { imagesCount: number; leftOutCount: number; examples: readonly { image: string }[] } };
    assert.deepEqual([images.imagesCount, images.leftOutCount], [2, 2]);
    assert.deepEqual(images.examples.map(({ image }) => image).toSorted(), ['a.test/demo/app:1', 'a.test/demo/app:3']);
  });

  it('is about the whole set that would be in force, also what is not in the folder', async () => {
    const started = startLog();
    await started.apply({ all: policy('all', 1, '**') });
    const { out, err } = await plan(started, { demo: policy('demo', 24) });
    assert.match(out, /kept all: in force and not in the folder/);
    assert.match(err, /warning .* POLICY_OVERLAP/);
    assert.doesNotMatch((await plan(started, { demo: policy('demo', 24) }, { retireMissing: true })).err, /POLICY_OVERLAP/);
  });

  it('with an error says no', async () => {
    const { code, err } = await plan(startLog(), { demo: 'kind: [' });
    assert.equal(code, 1);
    assert.match(err, /^error {3}demo\.yaml:1:8 .* POLICY_INVALID\n.*\n?1 error: this plan will not be carried out$/s);
  });

  it('takes no notice of a policy in the log that is broken, but says that it is', async () => {
    const started = startLog();
    await started.apply({ a: policy('a', 1) });
    const [published] = await eventsOf(started);
    started.append(topics.policies, 'x', {
      ...published!,
      data: { ...published!.data, policyId: 'x', document: 'kind: [', documentSha256: 'x' },
    });
    const { code, err } = await plan(started, { b: policy('b', 1) });
    assert.equal(code, 0);
    assert.match(err, /warning log:x:1:8 is no valid YAML/);
  });
});

async function eventsOf({ log }: ReturnType<typeof startLog>) {
  const { readPolicyLog } = await import('../policy/policy-log.ts');
  const { inForce } = await readPolicyLog(log, jsonCodec);
  return [...inForce.values()];
}
