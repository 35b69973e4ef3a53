import assert from 'node:assert/strict';
import { randomInt } from 'node:crypto';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, describe, it } from 'node:test';
import type { EntryRange } from '@waybill/stream';
import { openStateStore } from './open-store.ts';

const root = mkdtempSync(join(tmpdir(), 'waybill-overlay-'));
after(() => rmSync(root, { recursive: true, force: true }));

const letters = ['a', 'b', ':', 'ä', '\uffff', '\u{10ffff}'];
type Rows = Map<string, Buffer>;

/** What a store would give that had nothing but a map. */
function entriesOf(
  rows: Rows,
  { prefix = '', after, limit = Infinity, reverse = false }: EntryRange,
): readonly (readonly [string, string])[] {
  const compare = (a: string, b: string): number => Buffer.compare(Buffer.from(a), Buffer.from(b));
  const isIn = (key: string): boolean => key.startsWith(prefix) && (after === undefined || compare(key, after) > 0);
  const found = [...rows].filter(([key]) => isIn(key)).toSorted(([a], [b]) => compare(a, b));
  return (reverse ? found.reverse() : found).slice(0, limit).map(([key, value]) => [key, value.toString()]);
}

describe('rows in memory over rows on the disk', () => {
  it('read as if there were only one place, whenever they move from one to the other', async () => {
    const seed = randomInt(2 ** 31);
    let state = seed;
    const below = (limit: number): number => ((state = (Math.imul(state, 1_103_515_245) + 12_345) >>> 0) >>> 8) % limit;
    const keyOf = (length: number): string => Array.from({ length: below(length) }, () => letters[below(letters.length)]).join('');
    let store = await openStateStore(join(root, 'random'), { overlayBytesMax: 3_000, flushAfterMs: 1 });
    const expected: Rows = new Map();
    for (let step = 1; step <= 400; step++) {
      const puts = Array.from({ length: below(8) }, () => {
        return { store: 'rows', key: keyOf(5), value: below(3) === 0 ? null : Buffer.from(`${below(1_000)}`) };
      });
      for (const { key, value } of puts) {
        if (value === null) expected.delete(key);
        else expected.set(key, value);
      }
      const position = { changelog: new Map([['rows', step]]) };
      if (below(6) === 0) {
        await store.load({ rows: puts.map((row) => (below(2) === 0 ? row : { ...row, key: Buffer.from(row.key) })), position });
        await store.flush();
      } else await store.commit({ puts: [...puts, { store: 'rows2', key: keyOf(5), value: Buffer.from('other') }], position });
      if (below(4) === 0) await new Promise(setImmediate);
      const key = keyOf(5);
      assert.deepEqual(store.get('rows', key), expected.get(key), `seed ${seed}, step ${step}`);
      const direction = [{}, { reverse: true }, { after: keyOf(5) }][below(3)];
      const range: EntryRange = { prefix: keyOf(3), ...direction, ...(below(2) === 0 && { limit: below(6) }) };
      const found = [...store.entries('rows', range)].map(([name, value]) => [name, value.toString()]);
      assert.deepEqual(found, entriesOf(expected, range), `seed ${seed}, step ${step}, ${JSON.stringify(range)}`);
      assert.deepEqual(store.position(), position);
      if (step % 100 !== 0) continue;
      await store.close();
      store = await openStateStore(join(root, 'random'), { overlayBytesMax: 3_000, flushAfterMs: 1 });
    }
    await store.close();
  });

  it('are as they were when an iteration began, though more are committed and written meanwhile', async () => {
    const store = await openStateStore(join(root, 'iteration'));
    const rows = Array.from({ length: 20 }, (_, index) => ({ store: 'rows', key: `k${index + 10}`, value: Buffer.from('old') }));
    const commit = (puts: typeof rows, next: number) => store.commit({ puts, position: { changelog: new Map([['rows', next]]) } });
    await commit(rows.slice(0, 10), 1);
    await store.flush();
    await commit(rows.slice(10), 2);
    const seen: string[] = [];
    for (const [key, value] of store.entries('rows')) {
      if (seen.push(`${key} ${value.toString()}`) !== 5) continue;
      await commit(rows.map((row) => ({ ...row, key: `${row.key}+`, value: Buffer.from('new') })), 3); // prettier-ignore
      await store.flush();
    }
    assert.deepEqual(seen, rows.map(({ key }) => `${key} old`)); // prettier-ignore
    await store.close();
  });
});
