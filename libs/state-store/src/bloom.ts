/** A key's two hashes, 32 bits each; reused from one call to the next, so that a look-up allocates nothing. */
export type KeyHash = Uint32Array;

/**
 * Bits per key and probes: one key in a hundred that is not there seems to be (Kirsch and Mitzenmacher, "Less Hashing, Same
 * Performance", 2006: two hashes are enough for all probes).
 */
const bitsPerKey = 10;
const probes = 7;

export const newHash = (): KeyHash => new Uint32Array(2);

/** Two multiplicative hashes over the bytes, mixed in the end. Not against an attacker: who makes keys collide makes reads slower. */
export function hashKey(bytes: Uint8Array, start: number, end: number, hash: KeyHash): void {
  let a = 0xdeadbeef ^ (end - start);
  let b = 0x41c6ce57 ^ (end - start);
  for (let at = start; at < end; at++) {
    a = Math.imul(a ^ bytes[at]!, 0x9e3779b1);
    b = Math.imul(b ^ bytes[at]!, 0x5f356495);
  }
  a = Math.imul(a ^ (a >>> 16), 0x85ebca6b) ^ Math.imul(b ^ (b >>> 13), 0xc2b2ae35);
  b = Math.imul(b ^ (b >>> 16), 0x85ebca6b) ^ Math.imul(a ^ (a >>> 13), 0xc2b2ae35);
  hash[0] = a ^ (a >>> 16);
  hash[1] = b | 1; // Odd, so that the probes differ.
}

/** Tells most keys that are not in a set from those that are, in ten bits per key. */
export class Bloom {
  readonly bytes: Uint8Array;
  readonly #bits: number;

  constructor(bytes: Uint8Array) {
    this.bytes = bytes;
    this.#bits = bytes.length * 8;
  }

  static forKeys(count: number): Bloom {
    return new Bloom(new Uint8Array(Math.max(8, Math.ceil((count * bitsPerKey) / 8))));
  }

  add(hash: KeyHash): void {
    let at = hash[0]!;
    for (let probe = 0; probe < probes; probe++) {
      const bit = (at >>> 1) % this.#bits; // Of 31 bits the remainder is one instruction.
      this.bytes[bit >>> 3]! |= 1 << (bit & 7);
      at = (at + hash[1]!) >>> 0;
    }
  }

  /** `false` is certain. */
  mayHave(hash: KeyHash): boolean {
    let at = hash[0]!;
    for (let probe = 0; probe < probes; probe++) {
      const bit = (at >>> 1) % this.#bits; // Of 31 bits the remainder is one instruction.
      if ((this.bytes[bit >>> 3]! & (1 << (bit & 7))) === 0) return false;
      at = (at + hash[1]!) >>> 0;
    }
    return true;
  }
}
