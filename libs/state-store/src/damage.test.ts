import assert from 'node:assert/strict';
import { spawn, type ChildProcess } from 'node:child_process';
import { randomInt } from 'node:crypto';
import { once } from 'node:events';
import { cpSync, existsSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, truncateSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { basename, join } from 'node:path';
import { after, describe, it } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import { assertWhole } from './dying-writer.fixture.ts';
import { findManifest, writeManifest, type Manifest } from './manifest.ts';
import { openStateStore } from './open-store.ts';

const root = mkdtempSync(join(tmpdir(), 'waybill-damage-'));
after(() => rmSync(root, { recursive: true, force: true }));

const fixture = new URL('./dying-writer.fixture.ts', import.meta.url).pathname;
const fileOf = (folder: string, kind: RegExp): string =>
  join(
    folder,
    readdirSync(folder).find((name) => kind.test(name))!,
  );
const dataOf = (folder: string): string => fileOf(folder, /\.segment$/);
const manifestOf = (folder: string): string => fileOf(folder, /^manifest-/);
/** As if it had been written so. */
function changeManifest(folder: string, changes: Partial<Manifest>): void {
  const owner = basename(manifestOf(folder), '.json').slice('manifest-'.length);
  writeManifest(folder, owner, { ...findManifest(folder, owner)!, ...changes });
}

/** A folder with a thousand rows, closed in order; or, as after a kill -9, copied while it was open. */
async function filled(name: string, how: 'closed' | 'open'): Promise<string> {
  const folder = join(root, name);
  const store = await openStateStore(folder);
  const puts = Array.from({ length: 1_000 }, (_, index) => ({ store: 'rows', key: `${index}`, value: Buffer.alloc(100, 'x') }));
  await store.commit({ puts, position: { changelog: new Map([['rows', 1_000]]) } });
  await store.flush();
  if (how === 'open') cpSync(folder, `${folder}-killed`, { recursive: true });
  await store.close();
  return how === 'open' ? `${folder}-killed` : folder;
}

/** How many rows there are after opening it anew, and why it was put aside, if it was. */
async function reopened(folder: string) {
  let aside: string | undefined;
  const store = await openStateStore(folder, { onSetAside: (reason) => (aside = reason) });
  let rows: number;
  try {
    rows = [...store.entries('rows')].length;
  } catch (error) {
    await store.close().catch(() => undefined); // It says the same; that the store is not to be trusted is on the disk by then.
    throw error;
  }
  const found = { rows, next: store.position().changelog.get('rows'), aside };
  await store.close();
  assert.equal(existsSync(`${folder}.damaged`), aside !== undefined);
  return found;
}

const intact = { rows: 1_000, next: 1_000, aside: undefined };
const anew = async (folder: string, reason: RegExp): Promise<void> => {
  const { aside, ...left } = await reopened(folder);
  assert.deepEqual(left, { rows: 0, next: undefined });
  assert.match(aside!, reason);
  assert.equal((await reopened(folder).catch(() => ({ rows: 0 }))).rows, 0);
};

const flip = (path: string): number => {
  const bytes = readFileSync(path);
  const at = randomInt(bytes.length);
  bytes[at]! ^= 1 << randomInt(8);
  writeFileSync(path, bytes);
  return at;
};

describe('a store whose file was damaged', () => {
  it('gives no row of it, wherever the byte is that has changed, and is put aside at the next start', async () => {
    for (const how of ['closed', 'open'] as const) {
      const folder = await filled(`flipped-${how}`, how);
      const at = flip(dataOf(folder));
      await assert.rejects(reopened(folder), { code: 'STORE_FAILED' }, `byte ${at}`).catch(async () => {
        assert.ok(existsSync(`${folder}.damaged`), `byte ${at} was not missed`); // In its index: seen when it was opened.
      });
      if (!existsSync(`${folder}.damaged`)) await anew(folder, /the checksum of the block at \d+ is another/);
    }
  });

  it('by being cut, or lost, is put aside', async () => {
    for (const how of ['closed', 'open'] as const) {
      for (const left of [0, 20, 4_096, 40_960]) {
        const folder = await filled(`cut-${how}-${left}`, how);
        truncateSync(dataOf(folder), left);
        await anew(folder, /it does not end as a segment/);
      }
      const folder = await filled(`lost-${how}`, how);
      rmSync(dataOf(folder));
      await anew(folder, /is gone/);
    }
  });

  it('counts as damaged when nothing says how it was left, or what says it is not whole', async () => {
    for (const [name, text, reason] of [
      ['none', undefined, /it does not say how it was left/],
      ['cut', '{"format":1,', /the checksum of its manifest is another/],
      ['null', 'null\n', /the checksum of its manifest is another/],
      ['empty', '', /the checksum of its manifest is another/],
    ] as const) {
      const folder = await filled(`manifest-${name}`, 'open');
      if (text === undefined) rmSync(manifestOf(folder));
      else writeFileSync(manifestOf(folder), text);
      await anew(folder, reason);
    }
    const folder = await filled('manifest-flipped', 'open');
    flip(manifestOf(folder));
    await anew(folder, /the checksum of its manifest is another/);
    const later = await filled('manifest-later', 'open');
    changeManifest(later, { format: 2 as 1 });
    await anew(later, /its manifest is of another format/);
  });

  it('counts as damaged where a version before this one has left another kind of store', async () => {
    const folder = join(root, 'before');
    mkdirSync(folder);
    writeFileSync(join(folder, 'data.mdb'), 'of LMDB');
    await anew(folder, /it does not say how it was left/);
  });
});

describe('a store whose machine went down', () => {
  it('while it was open is put aside: what was not synced may be torn', async () => {
    const folder = await filled('boot', 'open');
    assert.deepEqual(await reopened(folder), intact);
    changeManifest(folder, { isClosed: false, bootId: 'another' });
    await anew(folder, /the machine went down while it was open/);
  });

  it('after it was closed is taken as it is, once every block has been looked at', async () => {
    const folder = await filled('reboot', 'closed');
    changeManifest(folder, { bootId: 'another' });
    assert.deepEqual(await reopened(folder), intact);
    changeManifest(folder, { bootId: 'another' });
    const bytes = readFileSync(dataOf(folder));
    bytes.fill(0, 0, 4_096);
    writeFileSync(dataOf(folder), bytes);
    await anew(folder, /the checksum of the block at 0 is another/);
  });
});

describe('a process that is killed while it writes', () => {
  const start = async (folder: string): Promise<ChildProcess> => {
    const child = spawn(process.execPath, [fixture, folder], { stdio: ['ignore', 'pipe', 'inherit'] });
    await once(child.stdout, 'data');
    return child;
  };

  /** Kills it again and again; it goes on from where the one before was. @returns where the last one stood */
  async function killAgainAndAgain(folder: string, seed: number, rounds: number): Promise<number> {
    let before = 0;
    for (let round = 0; round < rounds; round++) {
      const child = await start(folder);
      await sleep(Math.imul(seed + round, 2_654_435_761) >>> 26);
      child.kill('SIGKILL');
      await once(child, 'exit');
      const store = await openStateStore(folder, { onSetAside: (reason) => assert.fail(reason) });
      const next = assertWhole(store, 10, seed);
      await store.close();
      assert.ok(next >= before, `${before} was kept, now it is ${next}`);
      before = next;
    }
    return before;
  }

  it('leaves the rows of its position, at any moment', async () => {
    const seed = randomInt(2 ** 31);
    const runs = [1, 2, 3].map((run) => killAgainAndAgain(join(root, `killed-${run}`), seed * run, 10));
    const stood = await Promise.all(runs).catch((error: unknown) => Promise.reject(new Error(`seed ${seed}`, { cause: error })));
    assert.ok(stood.every((next) => next > 0));
  });
});

describe('a disk that is full', () => {
  it('fails the store with nothing reported as kept that is not there, and what was kept stays', async () => {
    const folder = join(root, 'full');
    const command = `ulimit -f 8000; exec "${process.execPath}" "${fixture}" "${folder}" 10000`;
    const child = spawn('sh', ['-c', command], { stdio: ['ignore', 'pipe', 'inherit'] });
    const output = (await child.stdout.toArray()).join('');
    const end = JSON.parse(output.split('\n')[1]!) as { code: string; committed: number; unread: readonly number[]; closing: string };
    assert.deepEqual([end.code, end.closing, end.unread], ['STORE_FAILED', 'STORE_FAILED', []]);
    const store = await openStateStore(folder);
    const next = store.position().changelog.get('rows')!;
    assert.equal([...store.entries('rows')].length, next);
    assert.ok(next > 0 && next <= end.committed);
    await store.close();
  });
});
