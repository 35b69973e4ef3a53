import assert from 'node:assert/strict';
import { mkdtempSync, mkdirSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, describe, it } from 'node:test';
import { fakeConsole } from '../console.fixture.ts';
import { CliError } from '../exit.ts';
import { deploy } from './deploy.ts';
import { lintPolicies, type PolicyLintOptions } from './policy-lint.ts';
import { deployOptions } from './deploy.fixture.ts';

const root = mkdtempSync(join(tmpdir(), 'waybill-policy-lint-'));
after(() => rmSync(root, { recursive: true }));
const registriesPath = join(root, 'registries.yaml');
writeFileSync(registriesPath, 'registries:\n  - { name: a, host: a.test }\n  - { name: b, host: b.test }\n');

const document = (name: string, ...spec: readonly string[]): string =>
  ['apiVersion: waybill/v1', 'kind: ReplicationPolicy', `metadata: { name: ${name} }`, 'spec:', ...spec.map((line) => `  ${line}`)].join(
    '\n',
  );
const good = document('good', "match: { repositories: ['demo/**'] }", 'replicate: [{ registry: b }]');
const other = document('other', "match: { repositories: ['demo/app'] }", 'effect: deny');
const lost = document('lost', 'match: {}', 'replicate:', '  - registry: b', '  - registry: z');

let foldersCount = 0;
function folderOf(files: Readonly<Record<string, string>>): string {
  const folder = join(root, `policies-${(foldersCount += 1)}`);
  mkdirSync(folder);
  for (const [name, text] of Object.entries(files)) writeFileSync(join(folder, name), text);
  return folder;
}

async function lint(files: Readonly<Record<string, string>>, options: Partial<PolicyLintOptions> = {}) {
  const folder = folderOf(files);
  const said = fakeConsole(100);
  const code = await lintPolicies({ output: 'table', folder, registriesPath, env: {}, strict: false, ...options }, said.console);
  return { code, out: said.out(), err: said.err().replaceAll(`${folder}/`, '') };
}

describe('policy lint', () => {
  it('has nothing to say of policies that are fine', async () =>
    assert.deepEqual(await lint({ 'good.yaml': good }), { code: 0, out: '1 valid policy: 0 errors, 0 warnings', err: '' }));

  it('says of each thing where it is, errors first, and a file without sense hides nothing', async () => {
    const { code, out, err } = await lint({ 'bad.yaml': 'kind: [', 'good.yaml': good, 'lost.yaml': lost, 'other.yaml': other });
    assert.equal(code, 1);
    const lines = err.split('\n');
    assert.match(lines[0]!, /^error {3}bad\.yaml:1:8 is no valid YAML .* POLICY_INVALID$/);
    assert.match(
      lines[1]!,
      /^error {3}lost\.yaml:8:17 lost copies to z, which registries\.yaml does not name: it has a, b; .* REGISTRY_UNKNOWN$/,
    );
    assert.match(
      err,
      /^warning other\.yaml:5:\d+ other and good .* a\.test\/demo\/app:a: other decides, because it denies; .* POLICY_OVERLAP$/m,
    );
    assert.match(out, /^3 valid policies: 2 errors, \d+ warnings$/);
  });

  it('lets warnings pass unless they are to count', async () => {
    const files = { 'good.yaml': good, 'other.yaml': other };
    assert.equal((await lint(files)).code, 0);
    assert.equal((await lint(files, { strict: true })).code, 1);
  });

  it('says what it could not look into', async () => {
    const { code, err } = await lint({ 'good.yaml': good }, { registriesPath: undefined });
    assert.deepEqual(
      [code, err],
      [0, 'not done no registries.yaml: neither the names of registries nor circles of copies were looked into'],
    );
    assert.equal((await lint({ 'good.yaml': good }, { registriesPath: undefined, strict: true })).code, 1);
  });

  it('speaks JSON, with the image that proves a finding', async () => {
    const { code, out } = await lint({ 'good.yaml': good, 'other.yaml': other }, { output: 'json' });
    const { remarks, ok } = JSON.parse(out) as { readonly ok: boolean; readonly remarks: readonly Readonly<Record<string, unknown>>[] };
    const { code: remarkCode, severity, policyIds, image, file, line } = remarks[0]!;
    assert.deepEqual([code, ok], [0, true]);
    assert.deepEqual(
      { remarkCode, severity, policyIds, image, file, line },
      {
        remarkCode: 'POLICY_OVERLAP',
        severity: 'warning',
        policyIds: ['other', 'good'],
        image: 'a.test/demo/app:a',
        file: 'other.yaml',
        line: 5,
      },
    );
  });

  it('without a folder is wrong use', () =>
    assert.rejects(
      lintPolicies({ output: 'table', folder: join(root, 'gone'), registriesPath, env: {}, strict: false }, fakeConsole().console),
      (error: unknown) => error instanceof CliError && error.exitCode === 2,
    ));
});

describe('deploy', () => {
  const publish = (files: Readonly<Record<string, string>>) => {
    const said = fakeConsole();
    const policies = { folder: folderOf(files), registriesPath, env: {} };
    return { said, done: deploy({ ...deployOptions, policies }, said.console, () => assert.fail('deployed')) };
  };

  it('publishes nothing where policies taken together are wrong', () =>
    assert.rejects(
      publish({ 'good.yaml': good, 'lost.yaml': lost }).done,
      (error: unknown) =>
        error instanceof CliError && error.exitCode === 1 && /none was published:\n.*lost\.yaml:8:17 lost copies to z/.test(error.message),
    ));

  it('shows warnings and goes on', async () => {
    const { said, done } = publish({ 'good.yaml': good, 'other.yaml': other });
    await assert.rejects(done, (error: unknown) => error instanceof CliError && error.exitCode === 3);
    assert.match(said.err(), /warning .*other\.yaml:5:\d+ .*POLICY_OVERLAP/);
  });
});
