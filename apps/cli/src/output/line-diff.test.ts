import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import fc from 'fast-check';
import { lineDiff } from './line-diff.ts';

const shown = (before: string, after: string, around?: number): string =>
  lineDiff(before, after, around)
    .map((line) => (line === undefined ? '…' : line.mark + line.text))
    .join('\n');

describe('a diff of lines', () => {
  it('shows changes with what stands around them, and where it leaves something out', () =>
    assert.equal(
      shown('a\nb\nc\nd\ne\nf\ng\nh\n', 'a\nB\nc\nd\ne\nf\ng\nh\ni\n', 1),
      [' a', '-b', '+B', ' c', '…', ' h', '+i'].join('\n'),
    ));

  it('says nothing of texts that are the same but for their last line’s end', () => assert.equal(shown('a\nb\n', 'a\nb'), ''));

  it('shows a whole text where there was or will be none', () => {
    assert.equal(shown('', 'a\nb\n'), '+a\n+b');
    assert.equal(shown('a\n', ''), '-a');
  });

  it('does not compare what is too long line by line', () => {
    const long = Array.from({ length: 1_500 }, (_, at) => `${at}\n`).join('');
    assert.equal(lineDiff(long, `${long}x\n`).length, 3_001);
  });

  it('has both texts in it', () => {
    const text = fc.array(fc.constantFrom('a', 'b', 'c', 'd'), { maxLength: 12 });
    fc.assert(
      fc.property(text, text, (before, after) => {
        const lines = lineDiff(before.join('\n'), after.join('\n'), Infinity);
        const side = (mark: string): readonly string[] =>
          lines.flatMap((line) => (line?.mark === ' ' || line?.mark === mark ? [line.text] : []));
        const isSame = before.join('\n') === after.join('\n');
        assert.deepEqual([side('-'), side('+')], isSame ? [[], []] : [before, after]);
      }),
    );
  });
});
