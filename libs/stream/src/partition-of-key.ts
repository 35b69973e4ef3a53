/** Keys of up to so many characters are hashed without memory of their own. */
const shortCharsMax = 1_024;
const scratch = Buffer.allocUnsafeSlow(shortCharsMax * 3);

/** Partition of a key by Kafka's default rule, murmur2 of its UTF-8 bytes: every `EventLog` goes by it, as any other producer does. */
export function partitionOfKey(key: string, partitions: number): number {
  const isShort = key.length <= shortCharsMax;
  const bytes = isShort ? scratch : Buffer.from(key);
  return (murmur2(bytes, isShort ? scratch.write(key) : bytes.length) & 0x7f_ff_ff_ff) % partitions;
}

/** 32-bit MurmurHash2 (A. Appleby) of the first `length` bytes, with the seed that Kafka uses (`Utils.murmur2`). */
export function murmur2(bytes: Uint8Array, length: number): number {
  const multiplier = 0x5bd1e995;
  let hash = 0x9747b28c ^ length;
  const whole = length & ~3;
  for (let at = 0; at < whole; at += 4) {
    let word = bytes[at]! | (bytes[at + 1]! << 8) | (bytes[at + 2]! << 16) | (bytes[at + 3]! << 24);
    word = Math.imul(word, multiplier);
    word ^= word >>> 24;
    hash = Math.imul(hash, multiplier) ^ Math.imul(word, multiplier);
  }
  const rest = length - whole;
  if (rest === 3) hash ^= bytes[whole + 2]! << 16;
  if (rest >= 2) hash ^= bytes[whole + 1]! << 8;
  if (rest >= 1) hash = Math.imul(hash ^ bytes[whole]!, multiplier);
  hash = Math.imul(hash ^ (hash >>> 13), multiplier);
  return hash ^ (hash >>> 15);
}
