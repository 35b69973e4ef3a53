import assert from 'node:assert/strict';
import { randomInt } from 'node:crypto';
import { describe, it } from 'node:test';
import { isDeleted, keyText, valueOf } from './cursor.ts';
import { RowPacker, RowReader } from './rows.ts';

const sorted = (rows: readonly (readonly [store: string, key: string | Buffer, value: string | null])[]) => {
  const packer = new RowPacker(1);
  for (const [store, key, value] of rows) packer.add(store, key, value === null ? null : Buffer.from(value));
  return read(new RowReader(packer.finish())).flatMap(([store, ...found]) => found.map(([key, value]) => [`${store}\0${key}`, value]));
};

type Found = readonly [key: string, value: string | null];
/** Store by store, each with what is in it. */
function read(reader: RowReader): readonly (readonly [store: string, ...Found[]])[] {
  const stores: (readonly [string, ...Found[]])[] = [];
  for (let part = reader.shift(); part; part = reader.shift()) {
    const { store, rows, count } = part;
    const found: Found[] = [];
    while (rows.next()) found.push([keyText(rows), isDeleted(rows) ? null : valueOf(rows).toString()]);
    assert.equal(found.length, count);
    stores.push([store, ...found]);
  }
  return stores;
}

describe('packed rows', () => {
  it('come out in the order of their bytes, the newest of each key alone', () => {
    assert.deepEqual(sorted([]), []);
    assert.deepEqual(sorted([['s', 'a', '1'], ['s', 'a', null], ['s', 'a', '3']]), [['s\0a', '3']]); // prettier-ignore
    assert.deepEqual(sorted([['s', 'a', '1'], ['s', Buffer.from('a'), null]]), [['s\0a', null]]); // prettier-ignore
    assert.deepEqual(sorted([['s', 'ab', ''], ['s', '', '1'], ['s', 'a', null], ['s', 'a\0', '2']]), [
      ['s\0', '1'], ['s\0a', null], ['s\0a\0', '2'], ['s\0ab', ''],
    ]); // prettier-ignore
  });

  it('are the same as those of a sorted map, for any keys', () => {
    const seed = randomInt(2 ** 31);
    let state = seed;
    const below = (limit: number): number => (state = (Math.imul(state, 1_103_515_245) + 12_345) >>> 1) % limit;
    const letters = ['a', 'b', '\0', 'ä', '\u{10ffff}', '\uffff', 'prefix-of-many-bytes'];
    const rows = Array.from({ length: 3_000 }, (_, index) => {
      const key = Array.from({ length: below(6) }, () => letters[below(letters.length)]).join('');
      return [['x', 'rows'][below(2)]!, key, below(5) === 0 ? null : `${index}`] as const;
    });
    const newest = new Map(rows.map(([store, key, value]) => [`${store}\0${key}`, value]));
    const expected = [...newest].toSorted(([a], [b]) => Buffer.compare(Buffer.from(a), Buffer.from(b)));
    assert.deepEqual(sorted(rows), expected.map((row) => [...row]), `seed ${seed}`); // prettier-ignore
  });

  it('are counted and read store by store', () => {
    const packer = new RowPacker(1);
    const rows = [['b', 'x'], ['#a', 'x'], ['b', 'y'], ['#a', 'y\0z'], ['bb', ''], ['#a', '']] as const; // prettier-ignore
    for (const [store, key] of rows) packer.add(store, key, null);
    const stores = read(new RowReader(packer.finish())).map(([store, ...found]) => [store, ...found.map(([key]) => key)]);
    assert.deepEqual(stores, [['#a', '', 'x', 'y\0z'], ['b', 'x', 'y'], ['bb', '']]); // prettier-ignore
  });
});
