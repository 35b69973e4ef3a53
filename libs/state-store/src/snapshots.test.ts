import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { randomInt } from 'node:crypto';
import { once } from 'node:events';
import { cpSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, describe, it } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import { awayMsMax } from '@waybill/stream';
import { assertWhole } from './dying-writer.fixture.ts';
import { openStateStore, type OpenStateStoreOptions } from './open-store.ts';
import { installSnapshot, newestAtMs, takeSnapshot, type SnapshotManifest } from './snapshots.ts';

const root = mkdtempSync(join(tmpdir(), 'waybill-snapshots-'));
after(() => rmSync(root, { recursive: true, force: true }));

const placeOf = (name: string) => ({ folder: join(root, name, 'snapshots'), group: 'app', partition: 3 });
const rowOf = (key: string, value: string) => ({ store: 'rows', key, value: Buffer.from(value) });
const at = (next: number) => ({ changelog: new Map([['rows', next]]) });

/** Commits 1..count, a snapshot after each; then the local folder is lost. */
async function withSnapshots(name: string, count: number): Promise<readonly string[]> {
  const snapshots = { ...placeOf(name), intervalMs: 0 };
  for (let next = 1; next <= count; next++) {
    const taken = Promise.withResolvers<SnapshotManifest>();
    const store = await openStateStore(join(root, name, 'store'), {
      snapshots, onSnapshot: taken.resolve, onSnapshotFailed: taken.reject,
    }); // prettier-ignore
    await store.commit({ puts: [rowOf('a', `${next}`), rowOf(`k${next}`, 'x')], position: at(next) });
    await store.flush();
    const { rows, changelog } = await taken.promise;
    assert.deepEqual([rows, changelog], [2 * next, [['rows', next]]]); // Row a is there as often as it was written.
    await store.close();
  }
  rmSync(join(root, name, 'store'), { recursive: true });
  const folder = join(root, name, 'snapshots', 'app-3');
  return readdirSync(folder).toSorted().map((entry) => join(folder, entry)); // prettier-ignore
}

/** A store opened in an empty folder: where it stands, and why snapshots were refused. */
async function reopened(name: string, changes: Partial<OpenStateStoreOptions['snapshots']> = {}) {
  const refused: string[] = [];
  const snapshots = { ...placeOf(name), intervalMs: 1e9, ...changes };
  const store = await openStateStore(join(root, name, 'store'), { snapshots, onSnapshotRefused: (reason) => refused.push(reason) });
  const found = { value: store.get('rows', 'a')?.toString(), next: store.position().changelog.get('rows'), refused };
  await store.close();
  return found;
}

/** One of its segments. */
const dataIn = (path: string): string =>
  join(
    path,
    readdirSync(path).find((name) => name.endsWith('.segment'))!,
  );

const changeManifest = (snapshot: string, changes: Partial<SnapshotManifest>): void => {
  const path = join(snapshot, 'manifest.json');
  writeFileSync(path, JSON.stringify({ ...(JSON.parse(readFileSync(path, 'utf8')) as SnapshotManifest), ...changes }));
};

describe('a snapshot', () => {
  it('is where a store begins whose folder is lost, and the two newest are kept', async () => {
    const kept = await withSnapshots('newest', 4);
    assert.equal(kept.length, 2);
    assert.deepEqual(await reopened('newest'), { value: '4', next: 4, refused: [] });
  });

  it('does not take the place of a store that is there', async () => {
    await withSnapshots('local', 1);
    const store = await openStateStore(join(root, 'local', 'store'));
    await store.commit({ puts: [rowOf('a', 'newer')], position: at(9) });
    await store.close();
    assert.deepEqual(await reopened('local'), { value: 'newer', next: 9, refused: [] });
  });

  it('with a flipped bit, cut, or without a whole manifest gives way to the one before it', async () => {
    for (const [name, damage, reason] of [
      ['bit', (path: string) => {
        const bytes = readFileSync(dataIn(path));
        bytes[randomInt(bytes.length)]! ^= 1 << randomInt(8);
        writeFileSync(dataIn(path), bytes);
      }, /the checksum of the copy of \S+\.segment is another/],
      ['cut', (path: string) => writeFileSync(dataIn(path), readFileSync(dataIn(path)).subarray(1)), /not as long/],
      ['no-data', (path: string) => rmSync(dataIn(path)), /ENOENT/],
      ['no-manifest', (path: string) => rmSync(join(path, 'manifest.json')), /ENOENT/],
      ['cut-manifest', (path: string) => writeFileSync(join(path, 'manifest.json'), '{"format":3,"gro'), /JSON/],
      ['null', (path: string) => writeFileSync(join(path, 'manifest.json'), 'null'), /another format/],
      ['less', (path: string) => writeFileSync(join(path, 'manifest.json'), '{"format":3,"group":"app","partition":3}'), /not complete/],
      ['format', (path: string) => changeManifest(path, { format: 2 as 3 }), /another format/],
      ['group', (path: string) => changeManifest(path, { group: 'other' }), /it is of other-3, not of app-3/],
      ['partition', (path: string) => changeManifest(path, { partition: 4 }), /it is of app-4, not of app-3/],
      ['old', (path: string) => changeManifest(path, { createdAtMs: Date.now() - awayMsMax - 1_000 }), /it is too old/],
    ] as const) {
      const [, newest] = await withSnapshots(name, 2);
      damage(newest!);
      const { refused, ...found } = await reopened(name);
      assert.deepEqual(found, { value: '1', next: 1 }, name);
      assert.match(refused.join(), reason);
    } // prettier-ignore
  });

  it('that cannot be used leaves the store empty, for the log to fill', async () => {
    const [only] = await withSnapshots('none', 1);
    rmSync(dataIn(only!));
    const { refused, ...found } = await reopened('none');
    assert.deepEqual([found, refused.length], [{ value: undefined, next: undefined }, 1]);
  });

  it('is taken by no other app or partition', async () => {
    await withSnapshots('foreign', 1);
    assert.equal((await reopened('foreign', { partition: 4 })).next, undefined);
    cpSync(join(root, 'foreign', 'snapshots', 'app-3'), join(root, 'foreign', 'snapshots', 'other-3'), { recursive: true });
    rmSync(join(root, 'foreign', 'store'), { recursive: true });
    const { next, refused } = await reopened('foreign', { group: 'other' });
    assert.equal(next, undefined);
    assert.match(refused.join(), /it is of app-3, not of other-3/);
  });

  it('for which the disk has no room leaves those that are there', async () => {
    await withSnapshots('full', 2);
    const place = placeOf('full');
    const half = async (to: string): Promise<never> => {
      mkdirSync(to, { recursive: true });
      writeFileSync(join(to, 'a-1.segment'), 'half of it');
      throw Object.assign(new Error('no space left'), { code: 'ENOSPC' });
    };
    await assert.rejects(takeSnapshot(place, { copy: half, seal: half }, Date.now()), { code: 'ENOSPC' });
    assert.equal(readdirSync(join(place.folder, 'app-3')).length, 2);
    assert.equal((await reopened('full')).next, 2);
  });

  it('that fails is reported, and costs the store nothing', async () => {
    writeFileSync(join(root, 'file'), '');
    const failed = Promise.withResolvers<unknown>();
    const snapshots = { ...placeOf('unused'), folder: join(root, 'file'), intervalMs: 0 };
    const store = await openStateStore(join(root, 'failing'), { snapshots, onSnapshotFailed: failed.resolve });
    await store.commit({ puts: [rowOf('a', '1')], position: at(1) });
    await store.flush();
    assert.match(String(await failed.promise), /cannot be used \(copy\)/);
    await store.commit({ puts: [rowOf('a', '2')], position: at(2) });
    await store.close();
  });

  it('is whole or not there, whenever the process that takes it is killed', async () => {
    const seed = randomInt(2 ** 31);
    const [store, folder] = [join(root, 'killed', 'store'), join(root, 'killed', 'snapshots')];
    const place = { folder, group: 'app', partition: 0 };
    const fixture = new URL('./dying-writer.fixture.ts', import.meta.url).pathname;
    for (let round = 0; round < 8; round++) {
      const child = spawn(process.execPath, [fixture, store, '10', folder], { stdio: ['ignore', 'pipe', 'inherit'] });
      await once(child.stdout, 'data');
      while ((await newestAtMs(place)) === undefined) await sleep(5);
      await sleep(Math.imul(seed + round, 2_654_435_761) >>> 26);
      child.kill('SIGKILL');
      await once(child, 'exit');
      const copy = join(root, 'killed', `copy-${round}`);
      mkdirSync(copy);
      const manifest = await installSnapshot(place, copy, Date.now(), (reason) => assert.fail(`seed ${seed}: ${reason}`));
      rmSync(copy, { recursive: true });
      const opened = await openStateStore(copy, { snapshots: { ...place, intervalMs: 1e9 } });
      const next = assertWhole(opened, 10, seed);
      assert.deepEqual(manifest!.changelog, [['rows', next]]);
      await opened.close();
    }
  });
});
