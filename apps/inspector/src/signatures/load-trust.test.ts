import assert from 'node:assert/strict';
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, describe, it } from 'node:test';
import { ConfigError } from '@waybill/config';
import { describeTrust, loadTrust } from './load-trust.ts';
import { newKey, startSigstore, trusted } from './signing.fixture.ts';

describe('what signatures are verified with', () => {
  const dir = mkdtempSync(join(tmpdir(), 'waybill-trust-'));
  const [ours, theirs] = [newKey(), newKey()];
  let root = '';
  const file = (name: string, text: string): string => {
    writeFileSync(join(dir, name), text);
    return join(dir, name);
  };
  const keysDir = (name: string, files: Readonly<Record<string, string>>): string => {
    mkdirSync(join(dir, name));
    for (const [each, text] of Object.entries(files)) file(join(name, each), text);
    return join(dir, name);
  };
  const load = (SIGNATURE_KEYS_DIR = '', SIGNATURE_TRUSTED_ROOT_FILE = '') =>
    loadTrust({ SIGNATURE_KEYS_DIR, SIGNATURE_TRUSTED_ROOT_FILE });
  before(async () => {
    ({ root } = await startSigstore());
  });
  after(() => rmSync(dir, { recursive: true, force: true }));

  it('is nothing where nothing is configured, and whoever reads the log is told', () => {
    assert.equal(load(), undefined);
    assert.match(describeTrust(undefined), /not looked at.+SIGNATURE_KEYS_DIR/);
  });

  it('is every key of a folder; other files are left alone', () => {
    const trust = load(keysDir('keys', { 'a.pub': ours.pem, 'b.pem': theirs.pem, 'README.md': 'no key' }));
    assert.deepEqual(
      trust?.keys.map(({ id }) => id),
      [trusted(ours).id, trusted(theirs).id],
    );
    assert.match(describeTrust(trust), /2 keys and no trusted root/);
  });

  it('is a trusted root, alone or beside keys', () => {
    const path = file('trusted_root.json', root);
    assert.ok(load('', path)?.verifier);
    assert.match(describeTrust(load(join(dir, 'keys'), path)), /2 keys and a trusted root/);
  });

  it('has another digest with other keys or roots, and the same in another order', () => {
    const path = join(dir, 'trusted_root.json');
    const digests = [
      load(join(dir, 'keys')),
      load(keysDir('fewer', { 'a.pub': ours.pem })),
      load('', path),
      load(join(dir, 'keys'), path),
      load('', file('other.json', `${root} `)),
    ].map((trust) => trust?.sha256);
    assert.equal(new Set(digests).size, digests.length);
    assert.equal(load(keysDir('renamed', { 'z.pub': ours.pem, 'y.pub': theirs.pem }))?.sha256, digests[0]);
  });

  const wrong: Readonly<Record<string, () => unknown>> = {
    'a folder without keys': () => load(keysDir('empty', { 'README.md': '' })),
    'a folder that is not there': () => load(join(dir, 'none')),
    'a file that is no key': () => load(keysDir('broken', { 'a.pub': 'no key' })),
    'a private key': () => load(keysDir('private', { 'a.pem': ours.privateKey.export({ type: 'pkcs8', format: 'pem' }).toString() })),
    'a root that is not there': () => load('', join(dir, 'none.json')),
    'a root that is no JSON': () => load('', file('broken.json', '{')),
    'a root that trusts nobody': () =>
      load('', file('empty.json', '{"mediaType":"application/vnd.dev.sigstore.trustedroot+json;version=0.1"}')),
  };
  for (const [what, attempt] of Object.entries(wrong))
    it(`is refused at the start, and named, where it is ${what}`, () => {
      assert.throws(attempt, (error) => error instanceof ConfigError && error.message.includes(dir));
    });
});
