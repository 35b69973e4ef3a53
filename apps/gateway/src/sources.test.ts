import assert from 'node:assert/strict';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, describe, it } from 'node:test';
import { ConfigError } from '@waybill/app-kit';
import { loadSources } from './sources.ts';

const folder = mkdtempSync(join(tmpdir(), 'waybill-sources-'));
after(() => rmSync(folder, { recursive: true }));
const secret = (name: string, text: string): void => writeFileSync(join(folder, name), text);
const load = (yaml: string) => {
  writeFileSync(join(folder, 'sources.yaml'), yaml);
  return loadSources(folder, { SECRETS_DIR: folder });
};
const refused = (yaml: string): string => {
  try {
    load(yaml);
  } catch (error) {
    assert.ok(error instanceof ConfigError);
    return error.message;
  }
  return assert.fail('nothing was refused');
};
const entry = (auth: string, more = ''): string => `  - { name: a, kind: harbor, ${more} auth: { ${auth} } }\n`;

secret('good', 'long-enough-secret-1\n');
secret('next', 'long-enough-secret-2');
secret('short', 'short');
secret('slash', 'long/enough+for=a+url');
secret('lines', 'long-enough-secret\nand a second line');

describe('sources.yaml', () => {
  it('gives endpoints with their secrets, without the line end of the file', () => {
    const source = load(
      `sources:\n${entry("scheme: header, header: Authorization, secretFiles: ['${SECRETS_DIR}/good', '${SECRETS_DIR}/next']")}`,
    );
    assert.deepEqual(source.get('a')?.secrets, ['long-enough-secret-1', 'long-enough-secret-2']);
    assert.deepEqual(source.get('a')?.auth, { scheme: 'header', header: 'authorization' });
  });

  it('as it is shipped is right once its three secrets are there', () => {
    for (const name of ['distribution', 'harbor', 'dockerhub']) secret(name, `secret-of-${name}-0001`);
    const sources = loadSources(join(import.meta.dirname, '../../../config'), { SECRETS_DIR: folder });
    assert.deepEqual([...sources.keys()], ['distribution', 'harbor', 'dockerhub']);
  });

  it('tells all faults at once, and never a secret', () => {
    const files = ['slash', 'short', 'gone', 'lines'].map((name) => `'\${SECRETS_DIR}/${name}'`).join(', ');
    const first = entry(`scheme: url-path, secretFiles: [${files}]`, 'registryHost: "http://x",');
    const second = entry("scheme: header, parameter: x, secretFiles: ['${SECRETS_DIR}/good']");
    const message = refused(`sources:\n${first}${second}`);
    for (const part of [
      /goes into a URL/,
      /16 to 200/,
      /gone cannot be read/,
      /registryHost/,
      /twice/,
      /auth\.header is needed/,
      /auth\.parameter means/,
    ])
      assert.match(message, part);
    assert.doesNotMatch(message, /enough/);
  });

  it('must name at least one secret per source: a missing one does not mean open', () =>
    assert.match(refused(`sources:\n${entry('scheme: bearer, secretFiles: []')}`), /secretFiles/));
});
