import type { File, Files } from './files.ts';

const sectorBytes = 512;

/** A file's bytes as the process sees them, as the disk has them, and the sectors that are on their way from one to the other. */
type Node = { live: Buffer; durable: Buffer; readonly dirty: Set<number> };

const failure = (code: string): Error => Object.assign(new Error(code), { code });

/** A disk in memory that fails, forgets and loses its power as real ones do. */
export class MemoryDisk {
  files: Files;
  /** What comes next, once: `no-space` takes a part of a write, `fsync-fails` forgets what it could not write and says so once. */
  failNext: 'no-space' | 'fsync-fails' | undefined;
  /** After so many more calls nothing answers any more, until `crash`. */
  callsUntilDeath = Infinity;
  readonly #below: (limit: number) => number;
  #live = new Map<string, Node>();
  #durable = new Map<string, Node>();
  #life = 0;

  /** @param below a whole number in [0, limit) */
  constructor(below: (limit: number) => number = () => 0) {
    this.#below = below;
    this.files = this.#makeFiles();
  }

  names(): readonly string[] {
    return [...this.#live.keys()].toSorted();
  }

  /** The bytes of a file, to be looked at or spoiled. */
  bytesOf(name: string): Buffer {
    return this.#nodeOf(name).live;
  }

  setBytes(name: string, bytes: Buffer): void {
    const node = this.#nodeOf(name);
    [node.live, node.durable] = [Buffer.from(bytes), Buffer.from(bytes)];
  }

  /** The process dies (`kill`: what was written stays), or the machine does (`power`: of what was not synced any part stays). */
  crash(how: 'kill' | 'power'): void {
    this.#life++;
    this.failNext = undefined;
    this.callsUntilDeath = Infinity;
    if (how === 'power') this.#losePower();
    this.files = this.#makeFiles();
  }

  #losePower(): void {
    const [live, durable] = [this.#live, this.#durable];
    const survivor = (name: string): Node | undefined =>
      live.get(name) === durable.get(name) || this.#below(2) === 0 ? live.get(name) : durable.get(name);
    const kept = [...new Set([...live.keys(), ...durable.keys()])].map((name) => [name, survivor(name)] as const);
    this.#live = new Map(kept.flatMap(([name, node]) => (node === undefined ? [] : [[name, node] as const])));
    for (const node of this.#live.values()) this.#lose(node);
    this.#durable = new Map(this.#live);
  }

  /** What a machine finds after its power went: sizes and sectors each as they were or as they were to be. */
  #lose(node: Node): void {
    const size = this.#below(2) === 0 ? node.durable.length : node.live.length;
    const bytes = Buffer.alloc(size);
    node.durable.copy(bytes);
    for (const sector of node.dirty) {
      const at = sector * sectorBytes;
      if (this.#below(2) === 0 && at < size) node.live.copy(bytes, at, at, Math.min(at + sectorBytes, node.live.length));
    }
    [node.live, node.durable] = [bytes, Buffer.from(bytes)];
    node.dirty.clear();
  }

  #makeFiles(): Files {
    return {
      list: this.#guarded(() => [...this.#live.keys()]),
      create: this.#guarded((name: string) => {
        if (this.#live.has(name)) throw failure('EEXIST');
        const node: Node = { live: Buffer.alloc(0), durable: Buffer.alloc(0), dirty: new Set() };
        this.#live.set(name, node);
        return this.#fileOf(node);
      }),
      open: this.#guarded((name: string) => this.#fileOf(this.#nodeOf(name))),
      remove: this.#guarded((name: string) => {
        this.#nodeOf(name);
        this.#live.delete(name);
      }),
      sync: this.#guarded(() => void (this.#durable = new Map(this.#live))),
    };
  }

  #fileOf(node: Node): File {
    return {
      write: this.#guarded((pieces: readonly Buffer[], at: number) => {
        const bytes = Buffer.concat(pieces);
        const isInPlace = at + bytes.length <= node.live.length; // Needs no space.
        if (isInPlace || !this.#isDue('no-space')) return put(node, bytes, at);
        put(node, bytes.subarray(0, this.#below(bytes.length + 1)), at);
        throw failure('ENOSPC');
      }),
      read: this.#guarded((into: Buffer, at: number) => node.live.copy(into, 0, at)),
      truncate: this.#guarded((bytes: number) => void (node.live = Buffer.from(node.live.subarray(0, bytes)))),
      sync: this.#guarded(() => {
        const isLost = this.#isDue('fsync-fails');
        if (!isLost) node.durable = Buffer.from(node.live);
        node.dirty.clear();
        if (isLost) throw failure('EIO');
      }),
      bytes: this.#guarded(() => node.live.length),
      close: async () => undefined,
    };
  }

  /** Calls of a process that is dead are not heard. */
  #guarded<A extends readonly unknown[], T>(work: (...args: A) => T): (...args: A) => Promise<T> {
    const born = this.#life;
    return async (...args) => {
      await Promise.resolve(); // Never within the caller's own turn.
      if (born !== this.#life || this.callsUntilDeath-- <= 0) throw failure('DEAD');
      return work(...args);
    };
  }

  #isDue(kind: MemoryDisk['failNext']): boolean {
    const isDue = this.failNext === kind;
    if (isDue) this.failNext = undefined;
    return isDue;
  }

  #nodeOf(name: string): Node {
    const node = this.#live.get(name);
    if (node === undefined) throw failure('ENOENT');
    return node;
  }
}

function put(node: Node, bytes: Buffer, at: number): void {
  const size = Math.max(node.live.length, at + bytes.length);
  node.live = Buffer.concat([node.live, Buffer.alloc(size - node.live.length)]);
  bytes.copy(node.live, at);
  for (let sector = Math.floor(at / sectorBytes); sector * sectorBytes < at + bytes.length; sector++) node.dirty.add(sector);
}
