import assert from 'node:assert/strict';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, describe, it } from 'node:test';
import { JobError } from '@waybill/stream';
import { accessIn } from './scan.ts';

const directory = mkdtempSync(join(tmpdir(), 'scan-test-'));
const passwordFile = join(directory, 'password');
after(() => rmSync(directory, { recursive: true, force: true }));

const accessOf = accessIn([
  { name: 'plain', host: 'plain.test:5000', plainHttp: true },
  { name: 'closed', host: 'closed.test', apiHost: 'proxy.test', username: 'robot', passwordFile },
  { name: 'hub', host: 'docker.io', apiHost: 'registry-1.docker.io' },
  { name: 'broken', host: 'broken.test', username: 'robot', passwordFile: join(directory, 'missing') },
]);

describe('access to a registry', () => {
  it('is anonymous where none is configured', async () => {
    assert.deepEqual(await accessOf('plain.test:5000'), { plainHttp: true });
    assert.equal(await accessOf('unknown.test'), undefined);
  });

  it('reads the password for each scan, without the line end, so that a rotated one is taken at once', async () => {
    for (const password of ['old', 'new']) {
      writeFileSync(passwordFile, `${password}\n`);
      const expected = { plainHttp: false, pullHost: 'proxy.test', username: 'robot', password };
      assert.deepEqual(await accessOf('closed.test'), expected);
    }
  });

  it('leaves the two names of Docker Hub to the scanner', async () => assert.deepEqual(await accessOf('docker.io'), { plainHttp: false }));

  it('that cannot read its password fails the try, to be tried again, rather than scanning without', () =>
    assert.rejects(accessOf('broken.test'), (error) => error instanceof JobError && error.code === 'REGISTRY_UNAUTHORIZED' && error.retry));
});
