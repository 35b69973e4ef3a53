import assert from 'node:assert/strict';
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, describe, it } from 'node:test';
import { fakeConsole } from '../console.fixture.ts';
import { CliError } from '../exit.ts';
import { readPolicyFolder } from '../policy/folder.ts';
import { testPolicies } from './policy-test.ts';

const root = mkdtempSync(join(tmpdir(), 'waybill-policy-test-'));
after(() => rmSync(root, { recursive: true }));

const policy = (name: string, spec: string, kind = 'ReplicationPolicy'): string =>
  `apiVersion: waybill/v1\nkind: ${kind}\nmetadata: { name: ${name} }\nspec: ${spec}\n`;
const prod = policy(
  'prod',
  "{ match: { repositories: ['demo/**'] }, require: { scan: { withinHours: 24, worstSeverity: high } }, replicate: [{ registry: b }] }",
);
const none = policy('none', "{ match: { repositories: ['dev/*'] }, effect: deny }");

let foldersCount = 0;
function folderOf(files: Readonly<Record<string, string>>): string {
  const folder = join(root, `${(foldersCount += 1)}`);
  mkdirSync(folder);
  for (const [name, text] of Object.entries(files)) writeFileSync(join(folder, name), text);
  return folder;
}

type Options = { readonly strict?: boolean; readonly output?: 'table' | 'json'; readonly files?: Readonly<Record<string, string>> };
async function run(cases: string, { strict = false, output = 'table', files = { 'prod.yaml': prod } }: Options = {}) {
  const folder = folderOf({ ...files, 'a.test.yaml': cases });
  const said = fakeConsole();
  const code = await testPolicies({ output, folder, strict }, said.console);
  return { code, out: said.out(), err: said.err().replaceAll(`${folder}/`, '') };
}
const isNo = (message: RegExp) => (error: unknown) => error instanceof CliError && error.exitCode === 1 && message.test(error.message);

/** One case about demo/app. */
const oneCase = (given: string, expect: string, more = ''): string =>
  `cases:\n  - name: it is so\n    given: { image: demo/app${given} }\n    expect: ${expect}\n${more}`;

describe('policy test', () => {
  for (const [rule, given, expect] of [
    ['an image without a scan waits for it', '', '{ outcome: held, policyId: prod, awaiting: [scan] }'],
    ['a scan counts from now on', ', scan: {}', '{ outcome: allow, targets: [b/demo/app:v1], awaiting: [] }'],
    ['a scan grows old', ', scan: { hoursAgo: 25 }', '{ outcome: held }'],
    ['each platform of an index is scanned', ', kind: index, scan: [{}, { worstSeverity: critical }]', '{ outcome: deny }'],
    ['an index has as many platforms as are said', ', kind: index, platforms: 3, scan: [{}, {}]', '{ outcome: held, awaiting: [scan] }'],
    ['a scan can fail', ', scan: { failed: no index }', '{ outcome: deny, code: SCAN_FAILED, reason: no index }'],
    ['an artifact has nothing to scan', ', kind: artifact', '{ outcome: deny, code: NOTHING_TO_SCAN }'],
    ['an inspection can be missing', ', inspection: missing', '{ outcome: held, awaiting: [inspection] }'],
    ['an inspection can fail', ', inspection: failed', '{ outcome: deny, code: INSPECTION_FAILED }'],
  ] as const)
    it(`knows that ${rule}`, async () => assert.equal((await run(oneCase(given, expect))).code, 0));

  it('asks the policies of admission where a case says so', async () => {
    const files = { 'run.yaml': policy('run', '{ match: {}, require: { labels: { team: core } } }', 'AdmissionPolicy') };
    const admission = (labels: string, outcome: string): string =>
      `defaults: { policies: admission }\n${oneCase(`, labels: ${labels}`, `{ outcome: ${outcome}, policyId: admission/run }`)}`;
    assert.equal((await run(admission('{ team: core }', 'allow'), { files })).code, 0);
    assert.equal((await run(admission('{}', 'deny'), { files })).code, 0);
  });

  it('reads who, where and when from the case, then from the defaults of its file', async () => {
    const tenants = policy('t', "{ match: { tenants: [x], registries: ['r.test:5000'] }, replicate: [{ registry: b }] }");
    const text = `
defaults: { at: 2026-01-02T00:00:00Z, given: { tenant: x, labels: { team: core } } }
cases:
  - name: of the tenant
    given: { images: ['r.test:5000/a/b:1', 'r.test:5000/a'] }
    expect: { outcome: allow, policyId: t }
  - name: of nobody, or elsewhere
    given: { image: r.test:5000/a/b, tenant: null }
    expect: { outcome: deny, policyId: null }
  - name: elsewhere
    given: { image: a/b }
    expect: { outcome: deny, policyId: null }`;
    assert.deepEqual(await run(text, { files: { 't.yaml': tenants } }), { code: 0, out: '4 cases: 4 as expected, 0 not', err: '' });
  });

  it('shows of a failed case where it is, what is other than expected, and why', async () => {
    const { code, out, err } = await run(
      oneCase(', scan: { worstSeverity: critical }', '{ outcome: allow, policyId: none, targets: [] }'),
      {
        files: { 'prod.yaml': prod, 'none.yaml': none },
      },
    );
    assert.deepEqual([code, out], [1, '1 case: 0 as expected, 1 not']);
    const digest = `sha256:${'0'.repeat(64)}`;
    assert.deepEqual(err.split('\n'), [
      'failed a.test.yaml:2:5 it is so',
      '  outcome: expected allow, is deny',
      '  policyId: expected none, is prod',
      `  because ${digest} has findings of severity critical (at most high)`,
      '  none: not-matched, repository demo/app matches none of dev/*',
      `  prod: deny, ${digest} has findings of severity critical (at most high)`,
      'no case for none: nothing shows what they decide',
    ]);
  });

  it('finds each thing that is other than expected', async () => {
    const held = '{ outcome: held, awaiting: [scan, inspection] }';
    for (const expect of ['{ outcome: held, awaiting: [] }', '{ outcome: held, awaiting: [sca] }', held, '{ outcome: held, code: OTHER }'])
      assert.equal((await run(oneCase('', expect))).code, 1, expect);
    for (const expect of ['{ outcome: allow, targets: [b/demo/app:v2] }', '{ outcome: allow, reason: other }'])
      assert.equal((await run(oneCase(', scan: {}', expect))).code, 1, expect);
  });

  it('asks what of an image goes where, and how urgently, where a case says it', async () => {
    const replicate = '[{ registry: b, platforms: [linux/arm64, linux/amd64], priorityClass: critical }, { registry: c }]';
    const files = { 'p.yaml': policy('p', `{ match: {}, replicate: ${replicate} }`) };
    const given = ', kind: index, platforms: [linux/amd64, linux/arm64/v8, linux/s390x]';
    const targets = async (...expected: readonly string[]) =>
      run(oneCase(given, `{ outcome: allow, targets: [${expected.join(', ')}] }`), { files });
    const b = '{ place: b/demo/app:v1, platforms: [linux/aarch64, linux/amd64], priorityClass: critical }';
    for (const ofC of ['c/demo/app:v1', '{ place: c/demo/app:v1 }', '{ place: c/demo/app:v1, platforms: [], priorityClass: normal }'])
      assert.equal((await targets(ofC, b)).code, 0, ofC);
    for (const ofC of [
      '{ place: c/demo/app:v1, platforms: [linux/amd64] }',
      '{ place: c/demo/app:v1, priorityClass: low }',
      'b/demo/app:v1',
    ])
      assert.equal((await targets(ofC, b)).code, 1, ofC);
    assert.equal((await targets(b)).code, 1);
    const { err } = await targets('c/demo/app:v1', '{ place: b/demo/app:v1, platforms: [], priorityClass: low }');
    const is = 'b/demo/app:v1 (linux/amd64, linux/arm64; critical), c/demo/app:v1';
    assert.match(err, new RegExp(`targets: expected b/demo/app:v1 .all of it; low., c/demo/app:v1, is ${is.replaceAll(/[()]/g, '.')}`));
  });

  it('names policies that no case decides; with --strict that is a no', async () => {
    const files = { 'prod.yaml': prod, 'none.yaml': none };
    const cases = oneCase('', '{ outcome: held }');
    const lax = await run(cases, { files });
    assert.deepEqual([lax.code, lax.err], [0, 'no case for none: nothing shows what they decide']);
    assert.equal((await run(cases, { files, strict: true })).code, 1);
    assert.equal((await run(cases, { strict: true })).code, 0);
  });

  it('speaks JSON', async () => {
    const { code, out } = await run(oneCase('', '{ outcome: allow }'), { output: 'json' });
    const { ok, cases, undecidedIds } = JSON.parse(out) as { ok: boolean; cases: readonly object[]; undecidedIds: readonly string[] };
    assert.deepEqual([code, ok, undecidedIds], [1, false, []]);
    const [{ name, line, differences }] = cases as [{ name: string; line: number; differences: readonly object[] }];
    assert.deepEqual({ name, line, differences }, {
      ...{ name: 'it is so', line: 2, differences: [{ field: 'outcome', expected: 'allow', actual: 'held' }] },
    }); // prettier-ignore
  });

  it('runs nothing where a policy or a case cannot be read, and says where', async () => {
    await assert.rejects(
      run(oneCase('', '{ outcome: held }'), { files: { 'bad.yaml': 'kind: [' } }),
      isNo(/bad\.yaml:1:8 is no valid YAML/),
    );
    for (const [cases, message] of [
      ['cases: [', /a\.test\.yaml:1:9 is no valid YAML/],
      [oneCase(', scna: {}', '{ outcome: held }'), /a\.test\.yaml:3:\d+ cases\.0\.given\.scna is not a known key/],
      [oneCase('', '{ outcome: perhaps }'), /a\.test\.yaml:4:\d+ cases\.0\.expect\.outcome must be one of: allow, deny, held, error/],
      [oneCase(':a b', '{ outcome: held }'), /a\.test\.yaml:2:5 it is so is no \[host\/\]repository\[:tag\]/],
      ['cases:\n  - { name: n, given: {}, expect: { outcome: held } }', /a\.test\.yaml:2:5 n: given needs image, or images/],
      [`defaults: { at: yesterday }\n${oneCase('', '{ outcome: held }')}`, /a\.test\.yaml:3:5 it is so: at is no time in UTC/],
    ] as const)
      await assert.rejects(run(cases), isNo(message));
  });

  it('without a case says no: nothing was shown', () =>
    assert.rejects(
      testPolicies({ output: 'table', folder: folderOf({ 'prod.yaml': prod }), strict: false }, fakeConsole().console),
      isNo(/holds no cases/),
    ));

  it('without a folder is wrong use', () =>
    assert.rejects(
      testPolicies({ output: 'table', folder: join(root, 'gone'), strict: false }, fakeConsole().console),
      (error: unknown) => error instanceof CliError && error.exitCode === 2,
    ));
});

describe('the policies that come with Waybill', () => {
  const folder = join(import.meta.dirname, '../../../../config/policies');

  it('decide what their cases say, and each of them some', async () => {
    const said = fakeConsole();
    assert.equal(await testPolicies({ output: 'table', folder, strict: true }, said.console), 0, said.err());
  });

  it('are called as their files', async () => {
    const { files } = await readPolicyFolder(folder);
    assert.notEqual(files.length, 0);
    for (const { file, document } of files) assert.equal(`${document.document.metadata.name}.yaml`, file);
  });
});
