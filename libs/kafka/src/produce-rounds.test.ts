import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import fc from 'fast-check';
import type { NewRecord } from '@waybill/stream';
import { inRounds, planRound } from './produce-rounds.ts';

const record = (topic: string, partition: number, key: string, bytes = 10): NewRecord => ({
  topic,
  partition,
  key,
  value: Buffer.alloc(bytes),
  headers: {},
});

describe('records of a transaction', () => {
  it('are all sent, once, in order per partition, one batch per partition and request', () => {
    const records = fc.array(
      fc.record({
        topic: fc.constantFrom('a', 'b'),
        partition: fc.integer({ min: 0, max: 2 }),
        bytes: fc.constantFrom(1, 300_000, 1_200_000),
      }),
      { maxLength: 30 },
    );
    fc.assert(
      fc.property(records, (shapes) => {
        const sent = shapes.map(({ topic, partition, bytes }, index) => record(topic, partition, String(index), bytes));
        const rounds = inRounds(sent);
        for (const round of rounds) {
          const places = round.map(({ topic, partition }) => `${topic}/${partition}`);
          assert.equal(new Set(places).size, places.length);
        }
        const arrived = rounds
          .flat()
          .flatMap((chunk) => chunk.records.map((one) => ({ place: `${chunk.topic}/${chunk.partition}`, key: one.key })));
        const orderOf = (list: readonly { place: string; key: string | null }[]) => Map.groupBy(list, ({ place }) => place);
        assert.deepEqual(
          new Map([...orderOf(arrived)].toSorted()),
          new Map([...orderOf(sent.map((one) => ({ place: `${one.topic}/${one.partition}`, key: one.key })))].toSorted()),
        );
      }),
    );
  });

  it('name every partition of the transaction in the first round', () => {
    const rounds = inRounds([...Array.from({ length: 3 }, () => record('a', 0, 'k', 800_000)), record('b', 1, 'k')]);
    assert.equal(rounds.length, 3);
    assert.deepEqual(rounds[0]!.map(({ topic, partition }) => `${topic}/${partition}`), ['a/0', 'b/1']); // prettier-ignore
  });

  it('have sequence numbers that go on per partition, and begin anew after 2^31', () => {
    const sequences = new Map([['a/1', 2 ** 31 - 1]]);
    const plan = (...records: readonly NewRecord[]) => inRounds(records).map((round) => planRound(round, sequences));
    const baseSequences = (...records: readonly NewRecord[]) =>
      plan(...records).flatMap((round) => round.map(({ batch }) => batch.baseSequence));
    assert.deepEqual(baseSequences(record('a', 0, 'x'), record('a', 0, 'y'), record('a', 1, 'z')), [0, 2 ** 31 - 1]);
    assert.deepEqual(baseSequences(record('a', 0, 'x'), record('a', 1, 'z')), [2, 0]);
  });

  it('need no quadratic time', () => {
    const many = Array.from({ length: 30_000 }, (_, index) => record('a', 0, `k${index}`));
    assert.deepEqual(inRounds(many).map(([chunk]) => chunk!.records.length), [20_000, 10_000]); // prettier-ignore
  });
});
