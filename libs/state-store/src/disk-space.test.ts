import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { randomInt } from 'node:crypto';
import { once } from 'node:events';
import { mkdirSync, mkdtempSync, readdirSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, describe, it } from 'node:test';
import { refuseFull, reserveBytes } from './disk-space.ts';
import { newManifest, writeManifest } from './manifest.ts';
import { openStateStore } from './open-store.ts';

const root = mkdtempSync(join(tmpdir(), 'waybill-disk-space-'));
after(() => rmSync(root, { recursive: true, force: true }));

const folderOf = (name: string): string => {
  mkdirSync(join(root, name));
  return join(root, name);
};

describe('a disk', () => {
  it('is full before nothing is left of it, and the error says how much there is', () => {
    refuseFull(root, 0);
    assert.throws(() => refuseFull(root, 2 ** 60), /MiB are free on its disk, 1099511627777\.0 MiB are needed/);
    assert.equal(reserveBytes, 1_048_576);
  });

  it('gathers nothing of manifests that cannot be written', () => {
    const folder = folderOf('manifests');
    mkdirSync(join(folder, 'manifest-owner.json', 'in the way'), { recursive: true });
    assert.throws(() => writeManifest(folder, 'owner', newManifest()));
    assert.deepEqual(readdirSync(folder), ['manifest-owner.json']);
  });

  it('has room again from what a killed process left of a snapshot, once its store is opened', async () => {
    const snapshots = { folder: folderOf('left'), group: 'app', partition: 0, intervalMs: 1e9 };
    const folder = join(snapshots.folder, 'app-0');
    mkdirSync(join(folder, '.unfinished-of-old'), { recursive: true });
    await (await openStateStore(join(root, 'store-of-left'), { snapshots })).close();
    assert.deepEqual(readdirSync(folder), []);
  });
});

describe('a process that exits while its stores are written and copied', () => {
  it('ends with its exit code, whenever that is', async () => {
    for (let life = 0; life < 6; life++) {
      const afterMs = randomInt(50, 250);
      const fixture = new URL('./leaving-writer.fixture.ts', import.meta.url).pathname;
      const child = spawn(process.execPath, [fixture, join(root, `exit-${life}`), `${afterMs}`], {
        stdio: 'ignore',
        timeout: 20_000,
        killSignal: 'SIGKILL',
      });
      const [code, signal] = (await once(child, 'exit')) as [number | null, string | null];
      assert.deepEqual([code, signal], [3, null], `after ${afterMs} ms`);
    }
  });
});
