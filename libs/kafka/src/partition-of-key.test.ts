import assert from 'node:assert/strict';
import { createRequire } from 'node:module';
import { describe, it } from 'node:test';
import fc from 'fast-check';
import { murmur2, partitionOfKey } from './partition-of-key.ts';

const theirs = createRequire(import.meta.url)('kafkajs/src/producer/partitioners/default/murmur2') as (key: string) => number;

describe('the partition of a key', () => {
  it('comes from the hash that Kafka itself takes', () => {
    // From `UtilsTest.testMurmur2` of Apache Kafka.
    const known = [
      ['21', -973932308],
      ['foobar', -790332482],
      ['a-little-bit-long-string', -985981536],
      ['a-little-bit-longer-string', -1486304829],
      ['lkjh234lh9fiuh90y23oiuhsafujhadof229phr9h19h89h8', -58897971],
      ['abc', 479470107],
    ] as const;
    for (const [text, hash] of known) assert.equal(murmur2(Buffer.from(text), text.length), hash, text);
  });

  it('is that of the client before, for every key', () =>
    fc.assert(
      fc.property(fc.string({ maxLength: 40 }), fc.integer({ min: 1, max: 999 }), (key, partitions) =>
        assert.equal(partitionOfKey(key, partitions), (theirs(key) & 0x7f_ff_ff_ff) % partitions),
      ),
      { numRuns: 300 },
    ));

  it('is that of the client before for keys that fill the memory kept for short ones', () => {
    for (const key of ['€'.repeat(1_024), '€'.repeat(1_025), '', 'ä', 'aä', 'aaä', '\u{1f433}'])
      assert.equal(partitionOfKey(key, 997), (theirs(key) & 0x7f_ff_ff_ff) % 997);
  });
});
