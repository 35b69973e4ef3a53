import assert from 'node:assert/strict';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, describe, it } from 'node:test';
import { openStateStore } from './lmdb-store.ts';

const root = mkdtempSync(join(tmpdir(), 'waybill-store-'));
after(() => rmSync(root, { recursive: true, force: true }));

const at = (offset: number) => ({ changelog: new Map([['rows', offset]]) });
const put = (key: string, value: string | null, store = 'rows') => ({ store, key, value: value === null ? null : Buffer.from(value) });

describe('a state store', () => {
  it('keeps rows and position over a restart, together', async () => {
    const store = openStateStore(join(root, 'restart'));
    await store.commit({ puts: [put('a', '1'), put('b', '2')], position: at(7) });
    await store.commit({ puts: [put('a', null)], position: at(8) });
    await store.close();
    const again = openStateStore(join(root, 'restart'));
    assert.equal(again.get('rows', 'a'), undefined);
    assert.equal(again.get('rows', 'b')?.toString(), '2');
    assert.deepEqual(again.position(), at(8));
    await again.close();
  });

  it('iterates one store in key order, by prefix, limit and backwards', async () => {
    const store = openStateStore(join(root, 'range'));
    const keys = ['b', 'a:2', 'a:1', 'a', 'ä'];
    await store.commit({ puts: [...keys.map((key) => put(key, key)), put('a:1', 'other', 'rows2')], position: at(1) });
    const found = (range?: object) => [...store.entries('rows', range)].map(([key]) => key);
    assert.deepEqual(found(), ['a', 'a:1', 'a:2', 'b', 'ä']);
    assert.deepEqual(found({ prefix: 'a:' }), ['a:1', 'a:2']);
    assert.deepEqual(found({ prefix: 'a', limit: 2, reverse: true }), ['a:2', 'a:1']);
    await store.close();
  });

  it('refuses the commit of a process whose store another has opened since', async () => {
    const zombie = openStateStore(join(root, 'fence'));
    const successor = openStateStore(join(root, 'fence'));
    await assert.rejects(zombie.commit({ puts: [put('a', 'stale')], position: at(1) }), { code: 'FENCED' });
    await successor.commit({ puts: [put('a', 'fresh')], position: at(2) });
    assert.equal(successor.get('rows', 'a')?.toString(), 'fresh');
    await Promise.all([zombie.close(), successor.close()]);
  });

  it('says what to do where the folder cannot be opened', () => {
    const path = join(root, 'file');
    writeFileSync(path, 'not a folder');
    assert.throws(() => openStateStore(join(path, 'store')), { code: 'STORE_FAILED', message: /delete the folder/ });
  });
});
