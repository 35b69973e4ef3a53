import assert from 'node:assert/strict';
import { mkdtempSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, describe, it } from 'node:test';
import { ensureSecret, ensureWebhookSecrets } from './secrets.ts';

const dir = mkdtempSync(join(tmpdir(), 'waybill-secrets-'));
after(() => rmSync(dir, { recursive: true }));

describe('a secret', () => {
  it('is made once, for its owner alone', () => {
    const secret = ensureSecret(join(dir, 'a'));
    assert.match(secret, /^[\w-]{43}$/);
    assert.equal(ensureSecret(join(dir, 'a')), secret);
    assert.equal(statSync(join(dir, 'a')).mode & 0o777, 0o600);
  });

  it('of an empty file is made anew', () => {
    writeFileSync(join(dir, 'empty'), '\n');
    assert.match(ensureSecret(join(dir, 'empty')), /^[\w-]{43}$/);
  });

  it('that cannot be read is an error, not another secret', () => assert.throws(() => ensureSecret(dir), { code: 'EISDIR' }));

  it('differs from source to source', () => assert.equal(new Set(Object.values(ensureWebhookSecrets(dir))).size, 3));
});
