import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { boundedRow, interleaved, median, spread, toldRow, type Bench } from './bench.ts';
import { reportText, verbatim } from './report.ts';
import { parseCpuMs } from './usage.ts';

const bench = { runs: 2, note: () => undefined } as unknown as Bench;

describe('the figures of a bench', () => {
  it('come from variants that take turns', async () => {
    const order: string[] = [];
    const variant = (name: string) => async (round: number) => {
      order.push(`${name}${round}`);
      return { round };
    };
    const samples = await interleaved(bench, 'x', { peer: variant('peer'), ours: variant('ours') });
    assert.deepEqual(order, ['peer0', 'ours0', 'peer1', 'ours1']);
    assert.deepEqual(samples, { peer: [{ round: 0 }, { round: 1 }], ours: [{ round: 0 }, { round: 1 }] });
  });

  it('are medians that were measured, not means of two', () => {
    assert.equal(median([9, 1, 5]), 5);
    assert.equal(median([9, 1, 5, 7]), 5);
    assert.equal(spread([1_000, 3_000, 2_000]), '2,000 (1,000 to 3,000)');
    assert.equal(spread([1.25], 1), '1.3');
  });

  it('are held against their bounds, from the side that is meant', () => {
    assert.equal(boundedRow('rate', 0.99, { atLeast: 1 }, 'x', '').isReached, false);
    assert.equal(boundedRow('rate', 1, { atLeast: 1 }, 'x', '').isReached, true);
    assert.equal(boundedRow('memory', 0.34, { atMost: 0.33 }, 'x', '').isReached, false);
    assert.equal(boundedRow('memory', 0.33, { atMost: 0.33 }, 'x', '').isReached, true);
  });

  it('say in the report which goal is missed', () => {
    const rows = [boundedRow('a | b', 0.5, { atLeast: 1 }, 'x', 'f'), boundedRow('c', 2, { atLeast: 1 }, 'x', ''), toldRow('d', '3 /s')];
    const chapters = [{ title: 'Where', lines: verbatim('take 4.20') }];
    const text = reportText({ suite: 'x', startedAtMs: Date.now(), conditions: [], versions: [], rows, chapters }, 'a machine');
    assert.match(text, /\| a \\\| b \| >= 1 x \| 0\.50 x \| \*\*no\*\* \| f \|/);
    assert.match(text, /\| c \| >= 1 x \| 2\.00 x \| yes \|/);
    assert.match(text, /^take 4\.20$/m);
    assert.match(text, /\| d \| {2}\| 3 \/s \| {2}\|/);
  });

  it('take processor time from behind a command name that looks like fields', () => {
    assert.equal(parseCpuMs('7 (a) b (c 1) S 1 1 1 0 -1 4194304 100 0 0 0 250 50 0 0 20 0 1 0 99'), 3_000);
  });
});
