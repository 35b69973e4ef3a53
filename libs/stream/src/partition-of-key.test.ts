import assert from 'node:assert/strict';
import { it } from 'node:test';
import { murmur2, partitionOfKey } from './partition-of-key.ts';

/** From `UtilsTest.testMurmur2` of Apache Kafka. */
const known = [
  ['21', -973932308],
  ['foobar', -790332482],
  ['a-little-bit-long-string', -985981536],
  ['a-little-bit-longer-string', -1486304829],
  ['lkjh234lh9fiuh90y23oiuhsafujhadof229phr9h19h89h8', -58897971],
  ['abc', 479470107],
] as const;

it("comes from Kafka's own hash of the key", () => {
  for (const [text, hash] of known) {
    assert.equal(murmur2(Buffer.from(text), text.length), hash, text);
    assert.equal(partitionOfKey(text, 6), (hash & 0x7f_ff_ff_ff) % 6, text);
  }
});

it('depends on nothing but the key: not on one that was longer before, nor on where its bytes lie', () => {
  for (const key of ['€'.repeat(1_024), '€'.repeat(1_025), '', 'ä', 'aä', 'aaä', '\u{1f433}']) {
    const bytes = Buffer.from(key);
    assert.equal(partitionOfKey(key, 997), (murmur2(bytes, bytes.length) & 0x7f_ff_ff_ff) % 997);
  }
});
