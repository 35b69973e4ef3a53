import assert from 'node:assert/strict';
import { randomInt } from 'node:crypto';
import { mkdtempSync, readdirSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, describe, it } from 'node:test';
import { isDeleted, keyText, valueOf } from './cursor.ts';
import { RowPacker, RowReader } from './rows.ts';
import { toMerge, type SegmentEntry } from './segment-list.ts';
import { SegmentStore } from './segment-store.ts';
import { Segments } from './segments.ts';

const root = mkdtempSync(join(tmpdir(), 'waybill-segments-'));
after(() => rmSync(root, { recursive: true, force: true }));

type Rows = Readonly<Record<string, string | null>>;

/** The segments of a folder of its own, as a thread keeps them: what is added is written down at once. */
function start() {
  const folder = mkdtempSync(join(root, 'store-'));
  const store = new SegmentStore(folder, 'owner-of-it');
  let entries: readonly SegmentEntry[] = [];
  const add = (name: string, rows: Rows): void => {
    const packer = new RowPacker(1);
    for (const [key, value] of Object.entries(rows)) packer.add(name, key, value === null ? null : Buffer.from(value));
    const before = entries;
    entries = store.add(before, new RowReader(packer.finish()));
    store.settle(before, entries);
  };
  const read = (name: string): Rows => {
    const segments = new Segments(folder);
    segments.adopt(entries);
    const found = [...segments.scan(name, {})].length;
    const rows = Object.fromEntries(segments.scan(name, {}).map((row) => [keyText(row), isDeleted(row) ? null : valueOf(row).toString()]));
    assert.equal(Object.keys(rows).length, found);
    segments.close();
    return rows;
  };
  const merge = (): void => {
    while (store.step()) continue;
  };
  return { folder, store, add, read, merge, list: () => entries, files: () => readdirSync(folder).length };
}

const mark = (atMs: number): string => String.fromCharCode(atMs).padStart(8, '\0');

describe('segments', () => {
  it('become one while others are added, which stay the newer ones', () => {
    const { add, read, merge, list, files } = start();
    for (let round = 0; round < 8; round++)
      add('rows', { a: `${round}`, [`k${round}`]: round === 7 ? 'longer' : 'x', gone: round === 7 ? null : 'x' });
    assert.equal(list().length, 8);
    add('rows', { a: 'newest', k3: null }); // The merge is under way, and does not have this.
    merge();
    add('rows', { b: 'last' });
    assert.deepEqual([list().length, files()], [3, 3]);
    const rows = read('rows');
    assert.deepEqual([rows['a'], rows['b'], rows['k3'], rows['k2'], rows['gone']], ['newest', 'last', null, 'x', undefined]);
  });

  it('keep that a row was deleted as long as an older segment may have it', () => {
    const { add, read, merge, list } = start();
    add('rows', { a: 'old', ...Object.fromEntries(Array.from({ length: 500 }, (_, index) => [`k${index}`, 'x'.repeat(100)])) });
    for (let round = 0; round < 8; round++) add('rows', { a: null });
    merge();
    add('rows', { b: '1' });
    assert.equal(list().length, 3, 'the first is larger than all others, and stays');
    assert.equal(read('rows')['a'], null);
  });

  it('lose nothing when the oldest of those that are becoming one has expired meanwhile', () => {
    const { store, add, read, merge, files, list } = start();
    for (let round = 1; round <= 8; round++) add('#seen', { [`id${round}`]: mark(round) });
    store.sweep({ store: '#seen', below: Buffer.from(mark(3)) });
    add('#seen', { id9: mark(9) });
    merge();
    add('#seen', { id10: mark(10) });
    const found = Object.keys(read('#seen'));
    for (const round of [3, 4, 5, 6, 7, 8, 9, 10]) assert.ok(found.includes(`id${round}`), `${round} of ${found.join()}`);
    assert.equal(files(), list().length);
  });

  it('leave no file of a merge of which nothing is left', () => {
    const { store, add, merge, list, files } = start();
    for (let round = 1; round <= 8; round++) add('#seen', { [`id${round}`]: mark(round) });
    store.sweep({ store: '#seen', below: Buffer.from(mark(90)) });
    merge();
    add('rows', { a: '1' });
    assert.deepEqual([list().map((entry) => entry.store), files()], [['rows'], 1]);
  });

  it('become one also where a small one came after them, and never one that is larger than all the newer ones', () => {
    const sized = (...sizes: readonly number[]) => sizes.map((bytes, index) => ({ store: 'rows', file: `${index}`, rows: 1, bytes }));
    const merged = (...sizes: readonly number[]) => toMerge(sized(...sizes)).map(({ file }) => Number(file));
    assert.deepEqual(merged(5, 5, 5, 5, 5, 5, 5, 5, 1), [0, 1, 2, 3, 4, 5, 6, 7]);
    assert.deepEqual(merged(99, 5, 5, 5, 5, 5, 5, 5, 5), [1, 2, 3, 4, 5, 6, 7, 8]);
    assert.deepEqual(merged(40, 5, 5, 5, 5, 5, 5, 5, 5), [0, 1, 2, 3, 4, 5, 6, 7, 8]);
    assert.deepEqual(merged(5, 5, 5, 5, 5, 5, 5), []);
  });

  it('can be read to the end by who stands in them when others take their place', () => {
    const { folder, add, list } = start();
    add('rows', Object.fromEntries(Array.from({ length: 20 }, (_, index) => [`k${index}`, 'x'.repeat(3_000)])));
    const segments = new Segments(folder);
    segments.adopt(list());
    let count = 0;
    for (const row of segments.scan('rows', {})) {
      if (count++ === 0) segments.adopt([]);
      assert.equal(valueOf(row).length, 3_000);
    }
    assert.equal(count, 20);
  });

  it('stay few where nobody has the time to merge them: then a write waits for it', () => {
    const { add, read, list } = start();
    for (let round = 0; round < 300; round++) add('rows', { [`k${round}`]: `${round}`, last: `${round}` });
    assert.ok(list().length <= 25, `${list().length}`);
    assert.equal(Object.keys(read('rows')).length, 301);
    assert.equal(read('rows')['last'], '299');
  });

  it('are as a map is, whatever is added, deleted and merged', () => {
    const seed = randomInt(2 ** 31);
    let state = seed;
    const below = (limit: number): number => ((state = (Math.imul(state, 1_103_515_245) + 12_345) >>> 0) >>> 8) % limit;
    const { add, read, store, list, files } = start();
    const expected: Record<string, Record<string, string>> = { rows: {}, other: {} };
    for (let round = 0; round < 200; round++) {
      const name = ['rows', 'other'][below(2)]!;
      const rows = Object.fromEntries(
        Array.from({ length: below(60) + 1 }, () => [
          `${'prefix/'.repeat(below(2))}k${below(400)}`,
          below(4) === 0 ? null : 'v'.repeat(below(50) === 0 ? 30_000 : below(200)),
        ]),
      );
      add(name, rows);
      for (const [key, value] of Object.entries(rows)) {
        if (value === null) delete expected[name]![key];
        else expected[name]![key] = value;
      }
      for (let step = below(3); step > 0; step--) store.step();
      if (round % 20 !== 0) continue;
      for (const one of ['rows', 'other']) {
        const kept = Object.fromEntries(Object.entries(read(one)).filter(([, value]) => value !== null));
        assert.deepEqual(kept, expected[one], `seed ${seed}, round ${round}`);
      }
    }
    assert.ok(files() <= list().length + 1, 'but for the one that is being written');
  });
});
