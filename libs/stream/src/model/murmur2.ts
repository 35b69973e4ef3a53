const multiplier = 0x5bd1e995;

/** Hash of a record key by which Kafka's default partitioner chooses, as a signed 32-bit number. Source: Kafka `Utils.murmur2`. */
export function murmur2(bytes: Buffer): number {
  let hash = 0x9747b28c ^ bytes.length;
  const wholeLength = bytes.length & ~3;
  for (let at = 0; at < wholeLength; at += 4) {
    let word = Math.imul(bytes.readInt32LE(at), multiplier);
    word = Math.imul(word ^ (word >>> 24), multiplier);
    hash = Math.imul(hash, multiplier) ^ word;
  }
  const rest = bytes.subarray(wholeLength);
  if (rest.length > 0) hash = Math.imul(hash ^ rest.readUIntLE(0, rest.length), multiplier);
  hash = Math.imul(hash ^ (hash >>> 13), multiplier);
  return hash ^ (hash >>> 15);
}
