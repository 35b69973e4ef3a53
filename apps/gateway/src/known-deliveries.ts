import { hash } from 'node:crypto';

/** What is remembered of a delivery: enough to know it again, and to say again what was said. */
export type Known = {
  readonly ids: string;
  readonly said: string;
  readonly events: number;
  readonly ignored: number;
  readonly parked: number;
  readonly atMs: number;
};

/** Per delivery: 64 bits of its name, of its ids and of what it says, and three counts. */
const words = 9;
const [nameAt, idsAt, saidAt, countsAt] = [0, 2, 4, 6];

type Half = { readonly words: Uint32Array; readonly atMs: Float64Array; count: number };

/**
 * Deliveries by their names, in two halves, of which the older goes as a whole. Numbers in two arrays and no objects: what lives for an
 * hour would be moved and marked by every collection of garbage in between.
 *
 * Two deliveries are taken for one where 64 bits of the name and 64 of the ids agree: by chance never.
 */
export class KnownDeliveries {
  readonly #slots: number;
  readonly #halfMax: number;
  #recent: Half;
  #older: Half;

  /** @param deliveriesMax At least half as many are remembered */
  constructor(deliveriesMax: number) {
    this.#halfMax = Math.ceil(deliveriesMax / 2);
    this.#slots = 2 ** Math.ceil(Math.log2(this.#halfMax * 1.3));
    this.#recent = this.#newHalf();
    this.#older = this.#newHalf();
  }

  /** @param name A delivery's id: a UUID */
  find(name: string): Found | undefined {
    const [a, b] = nameOf(name);
    for (const half of [this.#recent, this.#older]) {
      const slot = this.#slotOf(half, a, b);
      if (half.atMs[slot] !== 0) return foundIn(half, slot);
    }
    return undefined;
  }

  set(name: string, known: Known): void {
    const [a, b] = nameOf(name);
    const half = this.#recent;
    const slot = this.#slotOf(half, a, b);
    if (half.atMs[slot] === 0) half.count += 1;
    const at = slot * words;
    half.words.set([a, b, ...hash64(known.ids), ...hash64(known.said), known.events, known.ignored, known.parked], at);
    half.atMs[slot] = known.atMs;
    if (half.count < this.#halfMax) return;
    const emptied = this.#older;
    emptied.atMs.fill(0);
    emptied.count = 0;
    this.#older = half;
    this.#recent = emptied;
  }

  /** Where it is, or where it would go. */
  #slotOf({ words: all, atMs }: Half, a: number, b: number): number {
    let slot = a & (this.#slots - 1);
    while (atMs[slot] !== 0 && (all[slot * words + nameAt] !== a || all[slot * words + nameAt + 1] !== b))
      slot = (slot + 1) & (this.#slots - 1);
    return slot;
  }

  #newHalf(): Half {
    return { words: new Uint32Array(this.#slots * words), atMs: new Float64Array(this.#slots), count: 0 };
  }
}

export type Found = Pick<Known, 'events' | 'ignored' | 'parked' | 'atMs'> & {
  readonly hasIds: (ids: string) => boolean;
  readonly hasSaid: (said: string) => boolean;
};

function foundIn({ words: all, atMs }: Half, slot: number): Found {
  const at = slot * words;
  const isAt = (text: string, offset: number): boolean => {
    const [a, b] = hash64(text);
    return all[at + offset] === a && all[at + offset + 1] === b;
  };
  return {
    events: all[at + countsAt]!,
    ignored: all[at + countsAt + 1]!,
    parked: all[at + countsAt + 2]!,
    atMs: atMs[slot]!,
    hasIds: (ids) => isAt(ids, idsAt),
    hasSaid: (said) => isAt(said, saidAt),
  };
}

/** A UUID's first and last eight digits: of one that is made of a hash each says as much as any. */
const nameOf = (uuid: string): readonly [number, number] => [
  Number.parseInt(uuid.slice(0, 8), 16) >>> 0,
  Number.parseInt(uuid.slice(28), 16) >>> 0,
];

function hash64(text: string): readonly [number, number] {
  const bytes = hash('sha256', text, 'buffer');
  return [bytes.readUInt32LE(0), bytes.readUInt32LE(4)];
}
