import assert from 'node:assert/strict';
import { createRequire } from 'node:module';
import { it } from 'node:test';
import { partitionOfKey } from '@waybill/stream';
import fc from 'fast-check';

const theirs = createRequire(import.meta.url)('kafkajs/src/producer/partitioners/default/murmur2') as (key: string) => number;

it("the port's partition of a key is that of the client, for every key", () => {
  const isSame = (key: string, partitions: number): void =>
    assert.equal(partitionOfKey(key, partitions), (theirs(key) & 0x7f_ff_ff_ff) % partitions);
  fc.assert(fc.property(fc.string({ maxLength: 40, unit: 'binary' }), fc.integer({ min: 1, max: 999 }), isSame), { numRuns: 300 });
  for (const key of ['€'.repeat(1_024), '€'.repeat(1_025), '', 'ä', 'aä', 'aaä', '\u{1f433}']) isSame(key, 997);
});
