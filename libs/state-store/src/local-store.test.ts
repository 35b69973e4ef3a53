import assert from 'node:assert/strict';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, describe, it } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import { rowKeyBytesMax } from '@waybill/stream';
import { openStateStore } from './open-store.ts';

const root = mkdtempSync(join(tmpdir(), 'waybill-store-'));
after(() => rmSync(root, { recursive: true, force: true }));

const at = (offset: number) => ({ changelog: new Map([['rows', offset]]) });
const put = (key: string, value: string | null, store = 'rows') => ({ store, key, value: value === null ? null : Buffer.from(value) });

describe('a state store', () => {
  it('keeps rows and position over a restart, together', async () => {
    const store = await openStateStore(join(root, 'restart'));
    await store.commit({ puts: [put('a', '1'), put('b', '2')], position: at(7) });
    await store.commit({ puts: [put('a', null)], position: at(8) });
    await store.close();
    const again = await openStateStore(join(root, 'restart'));
    assert.equal(again.get('rows', 'a'), undefined);
    assert.equal(again.get('rows', 'b')?.toString(), '2');
    assert.deepEqual(again.position(), at(8));
    await again.close();
  });

  it('lies in a folder with a dot in its name, as that of a version of an app', async () => {
    for (const value of ['1', '2']) {
      const store = await openStateStore(join(root, 'dedup.v2-0'));
      await store.commit({ puts: [put('a', value)], position: at(1) });
      await store.close();
    }
  });

  it('iterates one store in key order, by prefix, limit and backwards', async () => {
    const store = await openStateStore(join(root, 'range'));
    const keys = ['b', 'a:2', 'a:1', 'a', 'ä'];
    await store.commit({ puts: [...keys.map((key) => put(key, key)), put('a:1', 'other', 'rows2')], position: at(1) });
    const found = (range?: object) => [...store.entries('rows', range)].map(([key]) => key);
    assert.deepEqual(found(), ['a', 'a:1', 'a:2', 'b', 'ä']);
    assert.deepEqual(found({ prefix: 'a:' }), ['a:1', 'a:2']);
    assert.deepEqual(found({ prefix: 'a', limit: 2, reverse: true }), ['a:2', 'a:1']);
    await store.close();
  });

  it('refuses the commit of a process whose store another has opened since', async () => {
    const zombie = await openStateStore(join(root, 'fence'));
    const successor = await openStateStore(join(root, 'fence'));
    await zombie.commit({ puts: [put('a', 'stale')], position: at(1) });
    await assert.rejects(zombie.flush(), { code: 'FENCED' });
    await assert.rejects(zombie.commit({ puts: [], position: at(2) }), { code: 'FENCED' });
    await successor.commit({ puts: [put('a', 'fresh')], position: at(2) });
    assert.equal(successor.get('rows', 'a')?.toString(), 'fresh');
    await Promise.all([zombie.close(), successor.close()]);
  });

  it('knows over a restart when it was last written, which opening it is not', async () => {
    const fresh = await openStateStore(join(root, 'age'));
    assert.equal(fresh.writtenAtMs(), undefined);
    const fromMs = Date.now();
    await fresh.commit({ puts: [put('a', '1')], position: at(1) });
    await fresh.close();
    const writtenAtMs = fresh.writtenAtMs()!;
    assert.ok(writtenAtMs >= fromMs && writtenAtMs <= Date.now());
    await sleep(5);
    await (await openStateStore(join(root, 'age'))).close();
    const again = await openStateStore(join(root, 'age'));
    assert.equal(again.writtenAtMs(), writtenAtMs);
    await again.close();
  });

  it('forgets everything but who owns it', async () => {
    const store = await openStateStore(join(root, 'clear'));
    await store.commit({ puts: [put('a', '1'), put('b', '2', 'other')], position: at(7) });
    await store.clear();
    assert.deepEqual([...store.entries('rows'), ...store.entries('other')], []);
    assert.deepEqual(store.position(), { changelog: new Map() });
    await store.commit({ puts: [put('c', '3')], position: at(1) });
    await store.close();
    const again = await openStateStore(join(root, 'clear'));
    assert.deepEqual([again.get('rows', 'a'), again.get('rows', 'c')?.toString()], [undefined, '3']);
    await again.close();
  });

  it('grows, and ends a commit under way before it closes', async () => {
    const store = await openStateStore(join(root, 'growth'));
    const value = Buffer.alloc(1_000, 'x');
    const rows = (from: number) => Array.from({ length: 10_000 }, (_, index) => ({ store: 'rows', key: `k${from + index}`, value }));
    for (let round = 0; round < 4; round++) await store.commit({ puts: rows(round * 10_000), position: at(round) });
    const last = store.commit({ puts: rows(40_000), position: at(4) });
    await Promise.all([last, store.close()]);
    const again = await openStateStore(join(root, 'growth'));
    assert.equal([...again.entries('rows')].length, 50_000);
    assert.deepEqual(again.position(), at(4));
    await again.close();
  });

  it('loads many rows, of each key the newest', async () => {
    const store = await openStateStore(join(root, 'load'));
    const rows = Array.from({ length: 50_000 }, (_, index) => put(`k${(index * 7_919) % 30_000}`, `${index}`));
    await store.load({ rows, position: at(50_000) });
    await store.flush();
    const expected = new Map(rows.map(({ key, value }) => [key, value!.toString()]));
    const found = new Map([...store.entries('rows')].map(([key, value]) => [key, value.toString()]));
    assert.equal(found.size, 30_000);
    for (const [key, value] of expected) assert.equal(found.get(key), value);
    await store.close();
  });

  it('takes the longest key that the port promises, and refuses a longer one with nothing written', async () => {
    const store = await openStateStore(join(root, 'keys'));
    const longest = 'k'.repeat(rowKeyBytesMax - 'rows'.length);
    await store.commit({ puts: [put(longest, '1')], position: at(1) });
    assert.equal(store.get('rows', longest)?.toString(), '1');
    await assert.rejects(store.commit({ puts: [put('a', '1'), put(`${longest}k`, '1')], position: at(2) }), { code: 'STORE_FAILED' });
    assert.deepEqual(store.position(), at(1));
    assert.equal(store.get('rows', 'a'), undefined);
    await store.close();
  });

  it('says what to do where the folder cannot be opened', async () => {
    const path = join(root, 'file');
    writeFileSync(path, 'not a folder');
    await assert.rejects(openStateStore(join(path, 'store')), { code: 'STORE_FAILED', message: /delete the folder/ });
  });
});
