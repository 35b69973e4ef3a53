import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import fc from 'fast-check';
import { MemoryDisk } from './disk.fixture.ts';
import { openSpool, type Notice, type Spool } from './spool.ts';

// Goal: what was promised comes out, in the order in which it was promised, whatever happens to the process, the disk and the power.

/** mulberry32 (T. Ettinger, public domain). */
function belowOf(seed: number): (limit: number) => number {
  let state = seed >>> 0;
  return (limit) => {
    state = (state + 0x6d2b79f5) >>> 0;
    let mixed = Math.imul(state ^ (state >>> 15), state | 1);
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61);
    return Math.floor((((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32) * limit);
  };
}

class World {
  readonly below: (limit: number) => number;
  readonly disk: MemoryDisk;
  readonly promised: number[] = [];
  /** Ids as the log has them, repeats included. */
  readonly log: number[] = [];
  readonly notices: Notice[] = [];
  spool!: Spool;
  #nextId = 0;

  constructor(seed: number) {
    this.below = belowOf(seed);
    this.disk = new MemoryDisk(this.below);
  }

  async open(): Promise<void> {
    const onNotice = (notice: Notice): void => void this.notices.push(notice);
    const salt = (): number => this.below(2 ** 32);
    this.spool = await openSpool({ files: this.disk.files, bytesMax: 20_000, segmentBytes: 4_000, salt, onNotice });
  }

  async append(): Promise<void> {
    const ids = Array.from({ length: 1 + this.below(4) }, () => this.#nextId++);
    await this.spool.append(ids.map((id) => Buffer.from(`${id} ${'x'.repeat(this.below(900))}`)));
    this.promised.push(...ids);
  }

  async drainSome(): Promise<void> {
    const batch = await this.spool.read(1 + this.below(3_000), 1 + this.below(6));
    this.log.push(...batch.stored.map(({ payload }) => Number.parseInt(payload.toString(), 10)));
    await this.spool.acknowledge(batch);
  }

  async crash(): Promise<void> {
    const how = this.below(2) === 0 ? 'kill' : 'power';
    this.disk.crash(how);
    if (this.below(4) === 0) this.disk.callsUntilDeath = this.below(12); // Also while it comes up.
    await this.open().catch(() => this.crash());
  }

  /** @throws AssertionError where a promise was not kept */
  async check(): Promise<void> {
    this.disk.crash('kill');
    await this.open();
    while (this.spool.leftBytes > 0) await this.drainSome();
    const promised = new Set(this.promised);
    const firsts = [...new Set(this.log)].filter((id) => promised.has(id));
    assert.deepEqual(firsts, this.promised);
    assert.deepEqual([this.spool.count, this.spool.usedBytes], [0, 0]);
  }
}

async function live(seed: number): Promise<World> {
  const world = new World(seed);
  await world.open();
  for (let step = 0; step < 60; step++) {
    const dice = world.below(20);
    if (dice === 0) world.disk.failNext = 'no-space';
    if (dice === 1) world.disk.failNext = 'fsync-fails';
    if (dice === 2) world.disk.callsUntilDeath = world.below(8);
    const work = [...(dice < 12 ? [world.append()] : []), ...(dice > 7 ? [world.drainSome()] : [])];
    const ended = await Promise.allSettled(work);
    if (ended.some(({ status }) => status === 'rejected') && world.disk.callsUntilDeath <= 0) await world.crash();
    if (world.below(15) === 0) await world.crash();
  }
  return world;
}

describe('a spool on a disk that fails', () => {
  it('gives back what it promised, in order, after every kill, loss of power, full disk and failed fsync', async () => {
    const seen = { promised: 0, cut: 0, repeats: 0 };
    const lives = fc.asyncProperty(fc.integer(), async (seed) => {
      const world = await live(seed);
      await world.check();
      seen.promised += world.promised.length;
      seen.cut += world.notices.filter(({ code }) => code === 'SPOOL_TAIL_CUT').length;
      seen.repeats += world.log.length - new Set(world.log).size;
      const lies = world.notices.filter(({ code }) => code === 'SPOOL_SEGMENT_MISSING' || code === 'SPOOL_POSITION_UNREADABLE');
      assert.deepEqual(lies, [], 'nobody took anything away');
    });
    await fc.assert(lives, { numRuns: 60 });
    assert.ok(seen.promised > 1_000 && seen.cut > 0 && seen.repeats > 10, `the faults were there: ${JSON.stringify(seen)}`);
  });
});
