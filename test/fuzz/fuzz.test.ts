import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import type { Parsed, SourceKind } from '@waybill/webhook-sources';
import { fuzzRound, readInput, type FuzzRound, type KindTally } from './fuzz.ts';
import type { Input } from './mutate.ts';

const round = (seed: number, read?: (input: Input) => Parsed): FuzzRound & { readonly tallies: Map<SourceKind, KindTally> } => {
  const tallies = new Map<SourceKind, KindTally>();
  const isOver = (executions: number): boolean => executions >= 400;
  return { ...fuzzRound({ seed, tallies, isOver, slowMs: Infinity, ...(read === undefined ? {} : { read }) }), tallies };
};

describe('a round of fuzzing', () => {
  it('comes with the same seed to the same inputs', () => {
    const [first, again, other] = [round(1), round(1), round(2)];
    assert.deepEqual(first.corpus, again.corpus);
    assert.notDeepEqual(first.corpus, other.corpus);
  });

  it('reaches events and refusals of most senders', () => {
    const { tallies } = round(3);
    assert.ok(tallies.size >= 15);
    const withBoth = [...tallies.values()].filter(({ outcomes }) => outcomes.events > 0 && outcomes.malformed > 0);
    assert.ok(withBoth.length >= 10);
  });

  it('finds what throws and what is not sound, and says how to come to it again', () => {
    const thrown = round(4, (input) => {
      if (input.body.length > 4_000) throw new Error('too long for me');
      return readInput(input);
    });
    assert.match(thrown.findings[0]!.what, /too long for me/);
    const { seed, execution, input } = thrown.findings[0]!;
    assert.equal(seed, 4);
    assert.ok(execution >= 1 && input.body.length > 4_000);
    const unsound = round(5, (given) => {
      const parsed = readInput(given);
      if (parsed.outcome !== 'events') return parsed;
      return { ...parsed, events: parsed.events.map((event) => ({ ...event, data: { ...event.data, actor: '\ud800' } }) as typeof event) };
    });
    assert.ok(unsound.findings.length > 0);
  });
});
