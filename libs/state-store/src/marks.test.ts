import assert from 'node:assert/strict';
import { randomInt } from 'node:crypto';
import { mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, describe, it } from 'node:test';
import { StreamError, type TaskStore } from '@waybill/stream';
import { openStateStore, type OpenStateStoreOptions } from './open-store.ts';

const root = mkdtempSync(join(tmpdir(), 'waybill-marks-'));
after(() => rmSync(root, { recursive: true, force: true }));

const position = { changelog: new Map([['marks', 1]]) };
const timeOf = (atMs: number): Buffer => {
  const value = Buffer.alloc(8);
  value.writeDoubleBE(atMs);
  return value;
};
const mark = (key: string, atMs: number, store = '#seen') => ({ store, key, value: timeOf(atMs) });
const timeIn = (store: TaskStore, key: string, name = '#seen'): number | undefined => store.get(name, key)?.readDoubleBE();
const segmentsIn = (folder: string): readonly string[] => readdirSync(folder).filter((name) => name.endsWith('.segment'));
const open = (folder: string, options: OpenStateStoreOptions = {}) =>
  openStateStore(folder, { onSetAside: (reason) => assert.fail(reason), ...options });

/** So many marks, written at once. */
async function add(store: TaskStore, count: number, atMs: number, prefix = `${atMs}-`): Promise<void> {
  await store.commit({ puts: Array.from({ length: count }, (_, index) => mark(`${prefix}${index}`, atMs)), position });
  await store.flush();
}

describe('a store of marks', () => {
  it('answers as a map does, whatever is written, merged, cleared and opened again', async () => {
    const seed = randomInt(2 ** 31);
    let state = seed;
    const random = (below: number): number => (state = (Math.imul(state, 1_103_515_245) + 12_345) >>> 0) % below;
    const folder = join(root, 'any');
    const expected = new Map<string, number>();
    const ids = Array.from({ length: 4_000 }, (_, index) => (index % 7 === 0 ? `ä${'ü'.repeat(index % 50)}${index}` : `${index * 7_919}`));
    let store = await open(folder);
    for (let round = 0; round < 60; round++) {
      const puts = Array.from({ length: random(400) }, () => mark(ids[random(ids.length)]!, random(1e9)));
      for (const { key, value } of puts) expected.set(key, value.readDoubleBE());
      const rows = [{ store: 'rows', key: 'a', value: Buffer.from(`${round}`) }, ...puts, mark('other', round, '#other')];
      if (round % 10 === 9) await store.load({ rows, position });
      else await store.commit({ puts: rows, position });
      if (random(3) > 0 || round % 10 === 9) await store.flush();
      if (round === 30) {
        await store.clear();
        expected.clear();
      }
      if (random(10) === 0) {
        await store.close();
        store = await open(folder);
      }
      for (let look = 0; look < 200; look++) {
        const id = ids[random(ids.length)]!;
        assert.equal(timeIn(store, id), expected.get(id), `${id}, seed ${seed}`);
      }
    }
    const found = [...store.entries('#seen')].map(([key, value]) => [key, value.readDoubleBE()] as const);
    assert.deepEqual(
      found,
      [...expected].toSorted(([a], [b]) => Buffer.from(a).compare(Buffer.from(b))),
      `seed ${seed}`,
    );
    assert.deepEqual([timeIn(store, 'other', '#other'), store.get('rows', 'a')?.toString()], [59, '59']);
    await store.close();
  });

  it('keeps few files, however often it is written', async () => {
    const folder = join(root, 'few');
    const store = await open(folder);
    for (let round = 0; round < 100; round++) await add(store, 20, round);
    assert.ok(segmentsIn(folder).length < 16, segmentsIn(folder).join());
    for (let round = 0; round < 100; round++) assert.equal(timeIn(store, `${round}-19`), round);
    await store.close();
  });

  it('expires what sorts below, as whole files or as they are merged, and nothing else', async () => {
    const folder = join(root, 'expiry');
    const store = await open(folder);
    await add(store, 10_000, 1_000);
    const mixed = Array.from({ length: 20 }, (_, index) => mark(`${index < 10 ? 2_000 : 3_000}-${index % 10}`, index < 10 ? 2_000 : 3_000));
    await store.commit({ puts: mixed, position });
    await store.flush();
    store.sweep({ store: '#seen', below: timeOf(2_500) });
    for (let round = 0; round < 8; round++) await add(store, 10, 4_000 + round);
    assert.equal(timeIn(store, '1000-0'), undefined);
    for (let tries = 0; timeIn(store, '2000-0') !== undefined; tries++) {
      assert.ok(tries < 1_000, 'what becomes one file is read from it with a later write');
      await add(store, 0, 0);
    }
    for (const atMs of [3_000, 4_000, 4_007]) assert.equal(timeIn(store, `${atMs}-9`), atMs);
    assert.equal([...store.entries('#seen')].length, 90);
    await store.close();
  });

  it('leaves the rows that it had when it could not write', async () => {
    const folder = join(root, 'fenced');
    const zombie = await open(folder);
    await add(zombie, 100, 1);
    const successor = await open(folder);
    await assert.rejects(add(zombie, 100, 2), { code: 'FENCED' });
    for (let round = 3; round < 20; round++) await add(successor, 100, round);
    assert.deepEqual([timeIn(successor, '1-5'), timeIn(successor, '2-5'), timeIn(zombie, '2-5')], [1, undefined, 2]);
    await Promise.all([zombie.close(), successor.close()]);
    const again = await open(folder);
    assert.deepEqual([timeIn(again, '1-5'), timeIn(again, '2-5'), timeIn(again, '19-5')], [1, undefined, 19]);
    await again.close();
  });

  it('forgets files that no list names', async () => {
    const folder = join(root, 'left');
    await (await open(folder)).close();
    writeFileSync(join(folder, 'ffffffff-1.segment'), 'of a process that died');
    const store = await open(folder);
    assert.deepEqual(segmentsIn(folder), []);
    await store.close();
  });

  it('gives no wrong answer from a damaged file: the folder is put aside at the next start', async () => {
    const seed = randomInt(2 ** 31);
    for (const [index, damage] of [
      ...Array.from({ length: 12 }, (_, turn) => (bytes: Buffer) => {
        bytes[(Math.imul(seed + turn, 2_654_435_761) >>> 0) % bytes.length]! ^= 1 << (turn % 8);
        return bytes;
      }),
      (bytes: Buffer) => bytes.subarray(0, -1),
      (bytes: Buffer) => bytes.subarray(1),
      () => Buffer.alloc(0),
      () => undefined,
    ].entries()) {
      const folder = join(root, `damaged-${index}`);
      const store = await open(folder);
      await add(store, 500, 1);
      await store.close();
      const [name] = segmentsIn(folder);
      const bytes = damage(readFileSync(join(folder, name!)));
      if (bytes) writeFileSync(join(folder, name!), bytes);
      else rmSync(join(folder, name!));
      const reasons: string[] = [];
      const opened = () => openStateStore(folder, { onSetAside: (reason) => reasons.push(reason) });
      const read = await opened();
      if (reasons.length === 0) await assert.rejects(readAll(read), { code: 'STORE_FAILED' }, `${index}, seed ${seed}`);
      else await read.close(); // The damage is where it is seen when the store is opened.
      const next = await opened();
      assert.deepEqual([reasons.length, next.position().changelog.size], [1, 0], `${index}, seed ${seed}`);
      await next.close();
    }
  });

  it('is part of a snapshot, which is of one moment though writing goes on', async () => {
    const folder = join(root, 'snapshot');
    const snapshots = { folder: join(root, 'snapshots'), group: 'app', partition: 0, intervalMs: 0 };
    let taken = 0;
    const failures: unknown[] = [];
    const onSnapshotFailed = (error: unknown): void => void failures.push(error);
    const store = await open(folder, { snapshots, onSnapshot: () => (taken += 1), onSnapshotFailed });
    for (let round = 0; taken < 5; round++) {
      const puts = Array.from({ length: 50 }, (_, index) => mark(`${round}-${index}`, round));
      await store.commit({ puts, position: { changelog: new Map([['marks', round]]) } });
      await store.flush();
    }
    assert.deepEqual(failures, []);
    await store.close();
    rmSync(folder, { recursive: true });
    const again = await open(folder, { snapshots, onSnapshotRefused: (reason) => assert.fail(reason) });
    const next = again.position().changelog.get('marks')!;
    const ids = [...again.entries('#seen')].map(([key]) => key);
    assert.deepEqual([ids.length, Math.max(...ids.map((id) => Number(id.split('-')[0])))], [(next + 1) * 50, next]);
    await again.close();
  });
});

/** Reads each mark; what it finds must be right. */
async function readAll(store: TaskStore): Promise<void> {
  try {
    for (let index = 0; index < 500; index++) assert.equal(timeIn(store, `1-${index}`), 1);
  } finally {
    await store.close().catch((error: unknown) => assert.ok(error instanceof StreamError));
  }
}
