import type { File, Files } from './files.ts';

/** A disk in memory that fails, forgets and loses its power as real ones do. */
export type Disk = {
  readonly files: Files;
  /** What comes next, once: `no-space` takes a part of a write, `fsync-fails` forgets what it could not write and says so once. */
  failNext: 'no-space' | 'fsync-fails' | undefined;
  /** After so many more calls nothing answers any more, until `crash`. */
  callsUntilDeath: number;
  /** The process dies (`kill`: what was written stays), or the machine does (`power`: of what was not synced any part stays). */
  readonly crash: (how: 'kill' | 'power') => void;
  readonly names: () => readonly string[];
  /** The bytes of a file, to be looked at or spoiled. */
  readonly bytesOf: (name: string) => Buffer;
  readonly setBytes: (name: string, bytes: Buffer) => void;
};

const sectorBytes = 512;

type Node = { live: Buffer; durable: Buffer; dirty: Set<number> };

const failure = (code: string): Error => Object.assign(new Error(code), { code });

/** @param below a whole number in [0, limit) */
export function memoryDisk(below: (limit: number) => number): Disk {
  let live = new Map<string, Node>();
  let durable = new Map<string, Node>();
  let life = 0;

  const guarded = <A extends readonly unknown[], T>(work: (...args: A) => T): ((...args: A) => Promise<T>) => {
    const born = life;
    return async (...args) => {
      await undefined;
      if (born !== life || disk.callsUntilDeath-- <= 0) throw failure('DEAD');
      return work(...args);
    };
  };
  const takeFailure = (kind: Disk['failNext']): boolean => {
    const isDue = disk.failNext === kind;
    if (isDue) disk.failNext = undefined;
    return isDue;
  };

  function put(node: Node, bytes: Buffer, at: number): void {
    const size = Math.max(node.live.length, at + bytes.length);
    node.live = Buffer.concat([node.live, Buffer.alloc(size - node.live.length)]);
    bytes.copy(node.live, at);
    for (let sector = Math.floor(at / sectorBytes); sector * sectorBytes < at + bytes.length; sector++) node.dirty.add(sector);
  }

  const fileOf = (node: Node): File => ({
    write: guarded((pieces: readonly Buffer[], at: number) => {
      const bytes = Buffer.concat(pieces);
      const isInPlace = at + bytes.length <= node.live.length; // Needs no space.
      if (isInPlace || !takeFailure('no-space')) return put(node, bytes, at);
      put(node, bytes.subarray(0, below(bytes.length + 1)), at);
      throw failure('ENOSPC');
    }),
    read: guarded((into: Buffer, at: number) => node.live.copy(into, 0, at)),
    truncate: guarded((bytes: number) => void (node.live = Buffer.from(node.live.subarray(0, bytes)))),
    sync: guarded(() => {
      const isLost = takeFailure('fsync-fails');
      if (!isLost) node.durable = Buffer.from(node.live);
      node.dirty.clear();
      if (isLost) throw failure('EIO');
    }),
    bytes: guarded(() => node.live.length),
    close: async () => undefined,
  });
  const nodeOf = (name: string): Node => {
    const node = live.get(name);
    if (node === undefined) throw failure('ENOENT');
    return node;
  };

  /** What a machine finds after its power went: sizes and sectors each as they were or as they were to be. */
  function lose(node: Node): void {
    const size = below(2) === 0 ? node.durable.length : node.live.length;
    const bytes = Buffer.alloc(size);
    node.durable.copy(bytes);
    for (const sector of node.dirty) {
      const at = sector * sectorBytes;
      if (below(2) === 0 && at < size) node.live.copy(bytes, at, at, Math.min(at + sectorBytes, node.live.length));
    }
    [node.live, node.durable] = [bytes, Buffer.from(bytes)];
    node.dirty.clear();
  }

  const makeFiles = (): Files => ({
    list: guarded(() => [...live.keys()]),
    create: guarded((name: string) => {
      if (live.has(name)) throw failure('EEXIST');
      const node: Node = { live: Buffer.alloc(0), durable: Buffer.alloc(0), dirty: new Set() };
      live.set(name, node);
      return fileOf(node);
    }),
    open: guarded((name: string) => fileOf(nodeOf(name))),
    remove: guarded((name: string) => {
      nodeOf(name);
      live.delete(name);
    }),
    sync: guarded(() => void (durable = new Map(live))),
  });

  const disk: Disk & { files: Files } = {
    files: makeFiles(),
    failNext: undefined,
    callsUntilDeath: Infinity,
    crash(how) {
      life++;
      disk.failNext = undefined;
      disk.callsUntilDeath = Infinity;
      if (how === 'power') {
        const names = new Set([...live.keys(), ...durable.keys()]);
        live = new Map(
          [...names].flatMap((name) => {
            const node = live.get(name) === durable.get(name) || below(2) === 0 ? live.get(name) : durable.get(name);
            return node === undefined ? [] : [[name, node]];
          }),
        );
        for (const node of live.values()) lose(node);
        durable = new Map(live);
      }
      disk.files = makeFiles();
    },
    names: () => [...live.keys()].toSorted(),
    bytesOf: (name) => nodeOf(name).live,
    setBytes(name, bytes) {
      const node = nodeOf(name);
      [node.live, node.durable] = [Buffer.from(bytes), Buffer.from(bytes)];
    },
  };
  return disk;
}
