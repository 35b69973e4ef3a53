import assert from 'node:assert/strict';
import { mkdirSync, mkdtempSync, renameSync, rmSync, symlinkSync, unlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, describe, it } from 'node:test';
import { checkSources, loadSources } from '@waybill/app-kit';
import { watchSources } from './watch-sources.ts';

const folders: string[] = [];
after(() => folders.forEach((folder) => rmSync(folder, { recursive: true })));
const secretOf = (letter: string): string => letter.repeat(20);
const source = (name: string, file: string): string =>
  `  - { name: ${name}, kind: harbor, auth: { scheme: bearer, secretFiles: [{ id: s, file: '\${SECRETS_DIR}/${file}' }] } }\n`;

function start() {
  const folder = mkdtempSync(join(tmpdir(), 'waybill-watch-'));
  folders.push(folder);
  const path = (name: string): string => join(folder, name);
  const write = (name: string, text: string): void => writeFileSync(path(name), text);
  const told: string[] = [];
  mkdirSync(path('v1'));
  write('v1/a', secretOf('a'));
  symlinkSync('v1', path('now'));
  write('sources.yaml', `sources:\n${source('one', 'now/a')}`);
  const env = { SECRETS_DIR: folder };
  const watched = watchSources(loadSources(folder, env), {
    load: () => checkSources(folder, env),
    everyMs: 3_600_000,
    onLoaded: (endpoints) => void told.push(`loaded ${endpoints.length}`),
    onFault: (faults, error) =>
      void told.push(`fault ${faults.map(({ message }) => message).join()}${error === undefined ? '' : 'unreadable'}`),
  });
  const secret = (name = 'one'): string | undefined => watched.sources.get(name)?.secrets[0]?.value;
  return { path, write, told, watched, secret };
}

describe('sources', () => {
  it('follow a secret file that is written anew, and one behind a symlink that is turned', async () => {
    const { path, write, watched, secret } = start();
    await watched.check();
    write('v1/a', secretOf('b'));
    await watched.check();
    assert.equal(secret(), secretOf('b'));
    mkdirSync(path('v2'));
    write('v2/a', secretOf('c'));
    symlinkSync('v2', path('next'));
    renameSync(path('next'), path('now')); // As the kubelet does.
    await watched.check();
    assert.equal(secret(), secretOf('c'));
  });

  it('are read again only when something has changed', async () => {
    const { told, watched } = start();
    for (let look = 0; look < 5; look++) await watched.check();
    assert.deepEqual(told, ['loaded 1', 'loaded 1'], 'the second look makes sure that nothing changed during the first');
  });

  it('stay as they were while what is there cannot be used, and it is told once', async () => {
    const { write, told, watched, secret } = start();
    await watched.check();
    write('v1/a', 'short');
    await watched.check();
    await watched.check();
    assert.equal(secret(), secretOf('a'));
    assert.equal(told.filter((line) => line.startsWith('fault')).length, 1);
    assert.doesNotMatch(told.join(), /aaaa/);
    write('v1/a', secretOf('d'));
    await watched.check();
    assert.equal(secret(), secretOf('d'));
  });

  it('change in whole or not at all', async () => {
    const { write, watched, secret } = start();
    await watched.check();
    write('v1/a', secretOf('e'));
    write('sources.yaml', `sources:\n${source('one', 'now/a')}${source('two', 'missing')}`);
    await watched.check();
    assert.deepEqual([secret(), secret('two')], [secretOf('a'), undefined]);
    write('missing', secretOf('f')); // Named by a file that is at fault, and looked at all the same.
    await watched.check();
    assert.deepEqual([secret(), secret('two')], [secretOf('e'), secretOf('f')]);
  });

  it('outlive a file that is gone, or no YAML', async () => {
    const { path, write, watched, secret } = start();
    await watched.check();
    write('sources.yaml', 'sources: [');
    await watched.check();
    unlinkSync(path('sources.yaml'));
    await watched.check();
    assert.equal(secret(), secretOf('a'));
    write('sources.yaml', `sources:\n${source('three', 'now/a')}`);
    await watched.check();
    assert.deepEqual([...watched.sources.keys()], ['three']);
  });
});
