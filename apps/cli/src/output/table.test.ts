import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import fc from 'fast-check';
import { fakeConsole } from '../console.fixture.ts';
import { type Column, fittingColumns, table } from './table.ts';
import { duration, printable, shortDigests } from './text.ts';

type Row = { readonly name: string; readonly count: number; readonly why: string };
const columns: readonly Column<Row>[] = [
  { title: 'NAME', cell: ({ name }) => name },
  { title: 'COUNT', cell: ({ count }) => String(count), align: 'right' },
  { title: 'WHY', cell: ({ why }) => why, flexible: 'cut' },
];
const rows = [
  { name: 'dedup', count: 5, why: 'short' },
  { name: 'a', count: 12_345, why: 'a reason that is long enough to be cut somewhere' },
];

describe('a table', () => {
  it('is aligned, and as wide as it wants where nobody looks', () =>
    assert.equal(
      table(rows, columns, fakeConsole().console),
      ['NAME   COUNT  WHY', 'dedup      5  short', 'a      12345  a reason that is long enough to be cut somewhere'].join('\n'),
    ));

  it('cuts the flexible column first', () =>
    assert.equal(
      table(rows, columns, fakeConsole(30).console),
      ['NAME   COUNT  WHY', 'dedup      5  short', 'a      12345  a reason that i…'].join('\n'),
    ));

  it('leaves optional columns out before it cuts, the last first, and none where all fit', () => {
    const some = columns.map((column) => (column.title === 'WHY' ? column : { ...column, optional: true }));
    const titles = (width: number) => fittingColumns(rows, some, width).map(({ title }) => title);
    assert.deepEqual([80, 60, 50, 20].map(titles), [['NAME', 'COUNT', 'WHY'], ['NAME', 'WHY'], ['WHY'], ['WHY']]);
  });

  it('goes on in the next line where a column wraps, and loses nothing', () => {
    const wrapping = columns.map((column) => (column.flexible === undefined ? column : { ...column, flexible: 'wrap' as const }));
    assert.equal(
      table(rows, wrapping, fakeConsole(38).console),
      [
        'NAME   COUNT  WHY',
        'dedup      5  short',
        'a      12345  a reason that is long',
        '              enough to be cut',
        '              somewhere',
      ].join('\n'),
    );
  });

  it('is never wider than the terminal', () =>
    fc.assert(
      fc.property(
        fc.constantFrom('cut' as const, 'wrap' as const),
        fc.array(fc.record({ name: fc.string(), count: fc.nat(), why: fc.string({ maxLength: 80 }) })),
        fc.integer({ min: 1, max: 100 }),
        (flexible, any, width) => {
          const bending = columns.map((column) => (column.flexible === undefined ? column : { ...column, flexible }));
          for (const line of table(any, bending, fakeConsole(width).console).split('\n'))
            assert.ok(line.length <= width, `${line.length} > ${width}`);
        },
      ),
    ));

  it('shows control characters instead of obeying them', () => {
    const shown = table([{ name: '\u001b[31mred\u0007\n', count: 1, why: '\u202e' }], columns, fakeConsole().console);

    assert.doesNotMatch(shown.replaceAll('\n', ''), /[\u0000-\u001f\u202e]/);
    assert.equal(shown.split('\n').length, 2);
  });

  it('styles what is shown, not the space around it', () => {
    const styled = table([rows[0]!], [{ ...columns[1]!, style: () => 'red' }], fakeConsole(40, true).console);
    assert.equal(styled, '<dim>COUNT</>\n    <red>5</>');
  });
});

describe('text', () => {
  it('says durations as people do', () =>
    assert.deepEqual([0, 999, 1_000, 59_940, 60_000, 184_000, 7_500_000, 273_600_000].map(duration), [
      '0 ms',
      '999 ms',
      '1.0 s',
      '59.9 s',
      '1 min 0 s',
      '3 min 4 s',
      '2 h 5 min',
      '3 d 4 h',
    ]));

  it('shortens digests and leaves the rest', () => {
    assert.equal(
      shortDigests(`scan of sha256:${'ab'.repeat(32)}, sha512:${'cd'.repeat(64)}!`),
      'scan of sha256:abababababab, sha512:cdcdcdcdcdcd!',
    );
    assert.equal(printable('plain ✔ ü'), 'plain ✔ ü');
  });
});
