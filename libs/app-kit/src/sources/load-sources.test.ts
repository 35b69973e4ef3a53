import assert from 'node:assert/strict';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, describe, it } from 'node:test';
import { ConfigError } from '@waybill/config';
import { loadSources } from './load-sources.ts';

const folder = mkdtempSync(join(tmpdir(), 'waybill-sources-'));
after(() => rmSync(folder, { recursive: true }));
const secret = (name: string, text: string): void => writeFileSync(join(folder, name), text);
const load = (yaml: string) => {
  writeFileSync(join(folder, 'sources.yaml'), yaml);
  return loadSources(folder, { SECRETS_DIR: folder }).endpoints;
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
    assert.deepEqual(source[0]?.secrets, [
      { id: 'good', value: 'long-enough-secret-1', notAfterMs: null },
      { id: 'next', value: 'long-enough-secret-2', notAfterMs: null },
    ]);
    assert.deepEqual(source[0]?.auth, { scheme: 'header', header: 'authorization' });
  });

  it('as it is shipped is right once its three secrets are there', () => {
    for (const name of ['distribution', 'harbor', 'dockerhub']) secret(name, `secret-of-${name}-0001`);
    const { endpoints } = loadSources(join(import.meta.dirname, '../../../../config'), { SECRETS_DIR: folder });
    assert.deepEqual(
      endpoints.map(({ name }) => name),
      ['distribution', 'harbor', 'dockerhub'],
    );
  });

  it('tells all faults at once, each with its line and column, and never a secret', () => {
    const files = ['slash', 'short', 'gone', 'lines', 'good'].map((name) => `'\${SECRETS_DIR}/${name}'`).join(', ');
    const first = entry(`scheme: url-path, secretFiles: [${files}, '\${SECRETS_DIR}/good']`, 'registryHost: "http://x",');
    const message = refused(`sources:\n${first}${entry("scheme: bearer, secretFiles: ['${SECRETS_DIR}/good']")}`);
    for (const part of [
      /sources\.yaml:2:\d+ a: auth\.secretFiles\.0 .*goes into a URL/,
      /secretFiles\.1 .*16 to 200/,
      /gone cannot be read/,
      /secretFiles\.5 the id good is there twice/,
      /sources\.yaml:2:\d+ a: registryHost must be/,
      /sources\.yaml:3:13 a: name is there twice/,
    ])
      assert.match(message, part);
    assert.doesNotMatch(message, /enough/);
  });

  it('knows what each scheme needs, and that a scheme is one of a few', () => {
    const one = "secretFiles: ['${SECRETS_DIR}/good']";
    assert.match(refused(`sources:\n${entry(`scheme: header, ${one}`)}`), /sources\.0\.auth\.header is required/);
    assert.match(refused(`sources:\n${entry(`scheme: header, header: a, parameter: b, ${one}`)}`), /auth\.parameter is not a known key/);
    assert.match(refused(`sources:\n${entry(`scheme: hmac, ${one}`)}`), /auth\.scheme must be one of: header, bearer, .*, none/);
    assert.match(refused(`sources:\n${entry('scheme: none')}`), /auth\.iKnow is required/);
    assert.match(refused(`sources:\n${entry('scheme: oidc, audience: x')}`), /needs emails or claims/);
    assert.match(
      refused(`sources:\n${entry('scheme: oidc, audience: x, emails: [a], jwksUrl: "http://keys.example"')}`),
      /jwksUrl must match/,
    );
  });

  it('takes of a secret what its scheme can carry', () => {
    const told = (scheme: string, text: string): string => {
      secret('text', text);
      const yaml = `sources:\n${entry(`${scheme}, secretFiles: ['\${SECRETS_DIR}/text']`)}`;
      try {
        return load(yaml)[0]!.secrets[0]!.value;
      } catch (error) {
        return /text (.+)$/.exec((error as Error).message)?.[1] ?? '';
      }
    };
    assert.equal(told('scheme: hmac-sha256, header: x', 'größe mit leerzeichen '), 'größe mit leerzeichen ');
    assert.equal(told('scheme: hmac-sha256, header: x', 'one line\nand another one'), 'must be one line');
    assert.equal(told('scheme: header, header: x', 'größe mit leerzeichen'), 'must be one line of ASCII');
    assert.equal(told('scheme: bearer', 'one word and another'), 'must have no blank: it is one word after Bearer');
    assert.equal(told('scheme: basic', 'no-colon-in-this-one'), 'must be user:password');
    assert.match(told('scheme: standard-webhooks', 'whsec_dG9vIHNob3J0'), /must be whsec_/);
    assert.match(told('scheme: url-path', 'slash/and+plus=equals'), /letters, digits/);
  });

  it('takes secrets by id, with their end', () => {
    const [endpoint] = load(
      `sources:\n${entry("scheme: bearer, secretFiles: [{ file: '${SECRETS_DIR}/good', id: old, notAfter: 2027-01-31 }]")}`,
    );
    assert.deepEqual(endpoint?.secrets, [{ id: 'old', value: 'long-enough-secret-1', notAfterMs: Date.UTC(2027, 0, 31) }]);
  });

  it('passes on what an endpoint may say', () => {
    const more = 'allowedHosts: [ghcr.io], allowedRepositories: [team], ownActors: [robot], untagged: ignore, attached: ignore,';
    const [endpoint] = load(`sources:\n${entry("scheme: bearer, secretFiles: ['${SECRETS_DIR}/good']", more)}`);
    assert.deepEqual(endpoint?.settings, {
      ...{ endpoint: 'a', registryHost: null, untagged: 'ignore', attached: 'ignore', ownActors: ['robot'] },
      ...{ allowedHosts: ['ghcr.io'], allowedRepositories: ['team'], allowedOrigins: null },
    });
  });

  it('must name at least one secret per source: a missing one does not mean open', () =>
    assert.match(refused(`sources:\n${entry('scheme: bearer, secretFiles: []')}`), /secretFiles/));
});
