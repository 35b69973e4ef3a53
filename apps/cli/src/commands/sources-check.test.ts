import assert from 'node:assert/strict';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, describe, it } from 'node:test';
import { fakeConsole } from '../console.fixture.ts';
import { CliError } from '../exit.ts';
import { checkSourcesFile, type CheckOptions } from './sources-check.ts';

const folder = mkdtempSync(join(tmpdir(), 'waybill-sources-check-'));
after(() => rmSync(folder, { recursive: true }));
const good = 'kGf3-Zq8vX_2mLrT7wYb';
for (const [name, text] of Object.entries({ good, other: 'pQ9z-Wn4cB_6hJsD1eVu', same: good, short: 'short', weak: 'changeme-changeme-0' }))
  writeFileSync(join(folder, name), text);

function check(sources: readonly string[], options: Partial<CheckOptions> = {}) {
  writeFileSync(join(folder, 'sources.yaml'), `sources:\n${sources.map((line) => `  - ${line}\n`).join('')}`);
  const said = fakeConsole(120);
  const env = { SECRETS_DIR: folder };
  const code = checkSourcesFile(
    { output: 'table', configDir: folder, env, strict: false, nowMs: Date.UTC(2026, 10, 21), ...options },
    said.console,
  );
  assert.doesNotMatch(said.out() + said.err(), new RegExp(`${good}|changeme`), 'no secret is shown');
  return { code, out: said.out(), err: said.err() };
}
const secret = (...files: readonly string[]): string => `secretFiles: [${files.map((file) => `'\${SECRETS_DIR}/${file}'`).join(', ')}]`;
const bearer = (name: string, ...files: readonly string[]): string =>
  `{ name: ${name}, kind: distribution, auth: { scheme: bearer, ${secret(...files)} } }`;

describe('sources check', () => {
  it('shows who may send, and by what', () => {
    const { code, out, err } = check([bearer('a', 'good', 'other')]);
    assert.deepEqual([code, err], [0, '']);
    assert.match(out, /a +distribution +bearer +good, other/);
  });

  it('says no to what the gateway would not take, with line and column', () => {
    const { code, err } = check([bearer('a', 'short'), bearer('a', 'gone'), '{ name: b, kind: quai, auth: { scheme: bearer } }']);
    assert.equal(code, 1);
    assert.match(err, /sources\.yaml:4:\d+ sources\.2\.kind must be one of/);
    assert.match(err, /sources\.yaml:4:\d+ sources\.2\.auth\.secretFiles is required/);
    const { err: next } = check([bearer('a', 'short'), bearer('a', 'gone')]);
    assert.match(next, /sources\.yaml:2:\d+ a: auth\.secretFiles\.0 .*16 to 200/);
    assert.match(next, /sources\.yaml:3:13 a: name is there twice/);
    assert.match(next, /sources\.yaml:3:\d+ a: .*gone cannot be read/);
  });

  it('advises on what is weak, shared, about to end, or not the sender’s own way', () => {
    const until = (id: string, file: string, day: string): string => `{ id: ${id}, file: '\${SECRETS_DIR}/${file}', notAfter: ${day} }`;
    const files = `${until('old', 'other', '2026-12-01')}, ${until('gone', 'weak', '2026-11-01')}`;
    const ending = `{ name: c, kind: dockerhub, auth: { scheme: bearer, secretFiles: [${files}] } }`;
    const { code, err } = check([bearer('a', 'good'), bearer('b', 'same'), ending]);
    assert.equal(code, 0);
    assert.match(err, /sources\.yaml:3:\d+ b: secret same is the same as good of a/);
    assert.match(err, /c: Docker Hub does not do bearer by itself/);
    assert.match(err, /c: secret old ends on 2026-12-01/);
    assert.match(err, /c: secret gone has ended on 2026-11-01/);
    assert.match(err, /c: secret gone is easy to guess/);
    assert.equal(check([bearer('a', 'good'), bearer('b', 'same')], { strict: true }).code, 1);
    assert.equal(check([bearer('a', 'good')], { strict: true }).code, 0);
  });

  it('speaks JSON', () => {
    const { code, out } = check([bearer('a', 'good', 'short')], { output: 'json' });
    const answer = JSON.parse(out) as {
      readonly ok: boolean;
      readonly endpoints: unknown;
      readonly faults: readonly { readonly line: number }[];
    };
    assert.deepEqual([code, answer.ok, answer.endpoints, answer.faults[0]?.line], [1, false, [], 2]);
  });

  it('without a file is wrong use', () =>
    assert.throws(
      () => checkSourcesFile({ output: 'table', configDir: join(folder, 'no'), env: {}, strict: false, nowMs: 0 }, fakeConsole().console),
      (error: unknown) => error instanceof CliError && error.exitCode === 2 && /cannot be read/.test(error.message),
    ));
});
