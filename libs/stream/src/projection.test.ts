import assert from 'node:assert/strict';
import { randomInt } from 'node:crypto';
import { describe, it } from 'node:test';
import { isDeepStrictEqual } from 'node:util';
import type { Event, Topic } from '@waybill/domain';
import type { EventLog, LogRecord } from './event-log.ts';
import { jsonCodec } from './model/json-codec.ts';
import { newActor, Scheduler } from './model/scheduler.ts';
import { asRecord } from './model/workload.ts';
import { World } from './model/world.ts';
import { encodeParkedCommand } from './parked-command.ts';
import { partitionOfKey } from './partition-of-key.ts';
import { encodeSwap, openGate, readProjection, swapOf } from './projection.ts';
import { encodeEvent } from './record.ts';
import type { Context, Input, Step, Topology } from './topology.ts';
import { versioned, versionGroup, versionTopic } from './versions.ts';

const topic = (name: string, kind: Topic['kind']): Topic => ({
  ...{ name: `model.${name}.v1`, kind, records: [], key: 'key', retentionMs: -1, purpose: 'test' },
});
const [input, output] = [topic('input', 'event'), topic('output', 'event')];
const [counts, seen, held] = [topic('counts', 'state'), topic('seen', 'marks'), topic('held', 'state')];
const [asks, jobs] = [topic('asks', 'event'), topic('jobs', 'state')];
const keyOf = (id: string): string => `key-${Number(id.slice(1)) % 3}`;
type Occurrence = { readonly id: string; readonly key: string };

/** Takes each occurrence once and counts per key by `step`. What `fails` names makes it throw. */
const counter = (step = 1, fails: (id: string) => boolean = () => false): Topology => ({
  group: 'counter',
  inputs: [input],
  stores: { counts },
  marks: { seen: { topic: seen, ttlMs: 365 * 24 * 60 * 60 * 1_000 } },
  outputs: [output],
  held,
  rebuild: 'inputs',
  handle(taken: Input, context: Context): Step {
    if (taken.kind !== 'event') return {};
    const { id, key } = taken.event.data as unknown as Occurrence;
    if (fails(id)) throw new Error(`${id} is not understood`);
    if (context.isMarked('seen', id)) return { ignored: 'seen' };
    const before = (context.get('counts', key, 'TagEntry') as unknown as { count: number } | undefined)?.count ?? 0;
    return {
      mark: [{ marks: 'seen', id }],
      put: [{ store: 'counts', key, row: asRecord({ count: before + step }) }],
      emit: [{ topic: output, key, subject: id, event: asRecord({ id, key }) }],
    };
  },
});

/** Counts each occurrence three seconds after it came: its timer asks, in an input of its own, and what was asked for is counted. */
const slowCounter = (step = 1): Topology => {
  const counting = counter(step);
  return {
    ...counting,
    ...{ inputs: [input, asks], outputs: [output, asks], jobTopic: jobs, timers: ['bell'] },
    handle(taken, context) {
      if (taken.kind === 'timer') {
        const { id, key } = taken.timer;
        return { emit: [{ topic: asks, key, subject: id, event: asRecord({ id, key }) }] };
      }
      if (taken.kind !== 'event' || taken.record.topic === asks.name) return counting.handle(taken, context);
      const { id, key } = taken.event.data as unknown as Occurrence;
      return { schedule: [{ id, kind: 'bell', key, payload: null, notBeforeMs: taken.atMs + 3_000 }] };
    },
  };
};

/** Two versions of one app over the model broker. An instance is called `<version>-<number>`. */
class Bed {
  readonly scheduler: Scheduler;
  readonly world: World;
  readonly #partitionOf: (key: string) => number;
  readonly #clock;
  #fed: string[] = [];

  constructor(seed: number, partitionCount: number, versions: readonly Topology[]) {
    this.scheduler = new Scheduler(seed);
    this.world = new World({ scheduler: this.scheduler, partitionCount }, ({ name }) => {
      const version = Number(name.split('-')[0]);
      return versioned(versions[version - 1]!, version);
    });
    this.#partitionOf = (key) => partitionOfKey(key, partitionCount);
    this.#clock = this.scheduler.clockOf(newActor('bed'));
  }

  sleep = (ms: number): Promise<void> => this.#clock.sleep(ms);

  feed(id: string): void {
    const key = keyOf(id);
    const meta = { id, source: '/t', timeMs: 0, subject: key, correlationId: id, causationId: null, traceparent: null };
    const event = { ...asRecord({ id, key }), meta } as Event;
    this.#append(encodeEvent(jsonCodec, { topic: input, partition: this.#partitionOf(key), key }, event));
    this.#fed.push(id);
  }

  async swap(to: number): Promise<void> {
    const log = this.world.logOf(newActor('swapper'));
    const projection = await readProjection(log, jsonCodec, 'counter');
    this.#append(encodeSwap(jsonCodec, log, swapOf(projection, { to, changedBy: 'test', reason: 'test', changedAtMs: this.#clock.now() })));
  }

  retry(id: string, partition: number): void {
    const wish = { app: 'counter', kind: 'record', wish: 'retry', requestedBy: 'test', reason: '', correlationId: 'c' } as const;
    this.#append(encodeParkedCommand(jsonCodec, { ...wish, id, partition, requestedAtMs: this.#clock.now() }));
  }

  #append(record: Parameters<ReturnType<World['broker']['partition']>['append']>[0][number]): void {
    this.world.broker.partition(record).append([record], this.#clock.now());
  }

  history = (of: Topic): readonly LogRecord[] => this.world.broker.topic(of.name).flatMap(({ history }) => history);
  saidIds = (): readonly string[] => this.history(output).map(({ value }) => (jsonCodec.decodeSync(value!).data as { id?: string }).id!);

  /** Newest row per key of a version's state topic, byte for byte. */
  rows(version: number): ReadonlyMap<string, string> {
    return new Map(this.history(versionTopic(counts, version)).map(({ key, value }) => [key!.toString(), value!.toString()]));
  }

  /** What the rows have to be. */
  fold(step: number): Readonly<Record<string, string>> {
    const byKey = Map.groupBy(new Set(this.#fed), keyOf);
    return Object.fromEntries([...byKey].map(([key, list]) => [key, jsonCodec.encode(asRecord({ count: list.length * step })).toString()]));
  }

  hasRead(version: number): boolean {
    return this.world.broker
      .topic(input.name)
      .every(({ place, end }) => (this.world.broker.committed(versionGroup('counter', version), place) ?? 0) >= end);
  }

  isFold = (version: number, step: number): boolean => isDeepStrictEqual(Object.fromEntries(this.rows(version)), this.fold(step));

  async until(what: string, condition: () => boolean): Promise<void> {
    for (let waitedMs = 0; !condition(); waitedMs += 250) {
      assert.ok(waitedMs < 600_000, `${what} within ten minutes`);
      await this.sleep(250);
    }
  }

  assertSaidOnce(): void {
    const said = this.saidIds();
    assert.deepEqual(said.filter((id, index) => said.indexOf(id) < index), [], 'nothing is said twice'); // prettier-ignore
    assert.deepEqual(said.toSorted(), [...new Set(this.#fed)].toSorted(), 'nothing is left out');
    assert.deepEqual(this.world.violations, []);
  }

  async stop(): Promise<void> {
    await Promise.all(this.world.processes.filter(this.world.isAlive).map((process) => this.world.close(process)));
    // An end of a transaction shows on the offsets before it does on the rows.
    await this.until('all transactions have ended', () => this.world.broker.transactions.isQuiet());
  }

  run = (work: Promise<void>): Promise<void> => this.scheduler.run(work, { actionsMax: 400_000, virtualMsMax: 24 * 60 * 60 * 1_000 });
}

const ids = (from: number, to: number): readonly string[] => Array.from({ length: to - from }, (_, index) => `e${from + index}`);

describe('versions of an app side by side', () => {
  it('the one that is not live makes the same rows, byte for byte, and says nothing', async () => {
    const bed = new Bed(7, 2, [counter(), counter()]);
    await bed.run(
      (async () => {
        for (const id of [...ids(0, 40), ...ids(0, 10)]) bed.feed(id);
        bed.world.start('1-0');
        bed.world.start('2-0');
        await bed.until('both have read all', () => bed.hasRead(1) && bed.hasRead(2));
        await bed.stop();
        bed.assertSaidOnce();
        assert.deepEqual(bed.rows(2), bed.rows(1));
      })(),
    );
  });

  it('the one that is not live does not overtake the one that is', async () => {
    const bed = new Bed(8, 1, [counter(), counter()]);
    await bed.run(
      (async () => {
        for (const id of ids(0, 20)) bed.feed(id);
        bed.world.start('2-0');
        await bed.sleep(30_000);
        assert.deepEqual([bed.hasRead(2), bed.rows(2).size], [false, 0]);
        bed.world.start('1-0');
        await bed.until('both have read all', () => bed.hasRead(1) && bed.hasRead(2));
        await bed.stop();
        bed.assertSaidOnce();
      })(),
    );
  });

  it('what the old version has parked, the new one says once it is live, and what waits behind it too', async () => {
    const bed = new Bed(9, 1, [counter(1, (id) => id === 'e5'), counter()]);
    await bed.run(
      (async () => {
        for (const id of ids(0, 20)) bed.feed(id);
        for (const instance of ['1-0', '2-0']) bed.world.start(instance);
        await bed.until('the live one has read all', () => bed.hasRead(1));
        assert.ok(!bed.saidIds().includes('e5'));
        await bed.swap(2);
        await bed.until('the new one has read all', () => bed.hasRead(2));
        await bed.stop();
        bed.assertSaidOnce();
      })(),
    );
  });

  it('what the new version parks was said by the old one, and is not said again when it is retried', async () => {
    let isMended = false;
    const bed = new Bed(10, 1, [counter(), counter(1, (id) => id === 'e5' && !isMended)]);
    await bed.run(
      (async () => {
        for (const id of ids(0, 12)) bed.feed(id);
        for (const instance of ['1-0', '2-0']) bed.world.start(instance);
        await bed.until('both have read all', () => bed.hasRead(1) && bed.hasRead(2));
        await bed.swap(2);
        await bed.sleep(10_000);
        isMended = true;
        bed.retry(`${input.name}/0/5`, 0);
        await bed.until('the rows are the same', () => bed.rows(2).get('key-2') === bed.rows(1).get('key-2'));
        await bed.stop();
        bed.assertSaidOnce();
      })(),
    );
  });
});

const seedText = process.env['MODEL_SEED'];
const seeds = seedText === undefined ? Array.from({ length: 15 }, () => randomInt(2 ** 31)) : [Number(seedText)];

/** Swaps there and back while both versions are fed, killed, paused and cut off. */
async function live(bed: Bed, seed: number, parks: boolean): Promise<void> {
  const { world, scheduler } = bed;
  const { random } = scheduler;
  world.broker.entriesPerFetch = 1 + random.below(20);
  world.climate = { lostRequest: 0.02, lostAnswer: 0.02, late: 0.01 };
  const instances = ['1-0', '2-0', ...(random.chance(0.5) ? ['1-1', '2-1'] : [])];
  for (const instance of instances) world.start(instance);
  let liveVersion = 1;
  for (let fed = 0; fed < 60;) {
    for (let count = 1 + random.below(5); count > 0; count--) bed.feed(`e${random.chance(0.1) ? random.below(fed + 1) : fed++}`);
    await bed.sleep(random.below(1_500));
    if (random.chance(0.15)) await bed.swap((liveVersion = 3 - liveVersion));
    const alive = world.processes.filter(world.isAlive);
    if (alive.length > 0 && random.chance(0.15)) world.kill(random.pick(alive));
    for (const instance of instances)
      if (random.chance(0.3) && !world.processes.some((each) => each.instance === instance && world.isAlive(each))) world.start(instance);
  }
  world.climate = { lostRequest: 0, lostAnswer: 0, late: 0 };
  for (const instance of instances)
    if (!world.processes.some((each) => each.instance === instance && world.isAlive(each))) world.start(instance);
  // What the first version has parked, the second one says once it is live.
  if (parks && liveVersion === 1) await bed.swap(2);
  const isAllRead = (): boolean => bed.hasRead(1) && bed.hasRead(2) && bed.isFold(2, 10) && (parks || bed.isFold(1, 1));
  await bed.until(`seed ${seed}: both have read all`, isAllRead);
  await bed.stop();
  bed.assertSaidOnce();
  for (const [version, step] of parks ? [[2, 10] as const] : [[1, 1] as const, [2, 10] as const])
    assert.deepEqual(Object.fromEntries(bed.rows(version)), bed.fold(step), `the rows of ${version} are the fold by its own logic`);
}

describe('a swap', () => {
  it('leaves no event out and says none twice, whatever is killed or lost meanwhile', async () => {
    for (const seed of seeds) {
      const parks = seed % 2 === 0;
      const bed = new Bed(seed, 1 + (seed % 3), [counter(1, (id) => parks && Number(id.slice(1)) % 13 === 5), counter(10)]);
      await bed.run(live(bed, seed, parks)).catch((error: unknown) => {
        const repeat = `repeat it with: MODEL_SEED=${seed} node --test libs/stream/src/projection.test.ts`;
        throw new Error(`seed ${seed}: ${String(error)}\n${repeat}`, { cause: error });
      });
    }
  });
});

describe('timers of versions', () => {
  it('come to the live one, and what they ask for reaches both, whatever is killed, lost or swapped meanwhile', async () => {
    for (const seed of seeds.slice(0, 8)) {
      const bed = new Bed(seed, 1 + (seed % 3), [slowCounter(), slowCounter(10)]);
      await bed.run(live(bed, seed, false)).catch((error: unknown) => {
        const repeat = `repeat it with: MODEL_SEED=${seed} node --test libs/stream/src/projection.test.ts`;
        throw new Error(`seed ${seed}: ${String(error)}\n${repeat}`, { cause: error });
      });
    }
  });

  it('wait in a version that follows, and are not lost when the live one was away at their time', async () => {
    const bed = new Bed(11, 1, [slowCounter(), slowCounter()]);
    await bed.run(
      (async () => {
        for (const id of ids(0, 20)) bed.feed(id);
        const first = bed.world.start('1-0');
        bed.world.start('2-0');
        await bed.until('both have read all', () => bed.hasRead(1) && bed.hasRead(2));
        bed.world.kill(first);
        await bed.sleep(60_000);
        const askedCount = bed.history(asks).length;
        await bed.swap(2);
        await bed.until('all are said', () => bed.saidIds().length === 20);
        await bed.stop();
        bed.assertSaidOnce();
        assert.ok(askedCount < 20, `${askedCount} were asked for while none was live`);
      })(),
    );
  });
});

describe('what another version has settled', () => {
  /** The live version has committed up to 10 and holds 5. Until its transaction has ended everywhere the row does not show. */
  it('is not looked at while a transaction is open where held rows lie', async () => {
    let isOpen = true;
    const row = { topic: held.name, partition: 0, offset: 0, timestampMs: 0, key: Buffer.from(`${input.name}/0/5`), headers: {} };
    const log: Partial<EventLog> = {
      partitionOf: () => 0,
      committed: async () => new Map([[input.name, 10]]),
      hasOpenTransaction: async () => isOpen,
      bounds: async ({ topic: name }) => ({ first: 0, end: !isOpen && name === held.name ? 1 : 0 }),
      read: async (_place, { from, to }, take) => (from < to ? take([{ ...row, value: Buffer.from('row') }], to) : undefined),
    };
    const gate = await openGate({ log: log as EventLog, codec: jsonCodec, topology: versioned(counter(), 2), partition: 0 });
    const settled = (): readonly boolean[] => [4, 5, 6, 10].map((offset) => gate!.isSettled({ topic: input.name, partition: 0, offset }));
    assert.deepEqual(settled(), [false, false, false, false]);
    isOpen = false;
    await gate!.look();
    assert.deepEqual(settled(), [true, false, true, false]);
  });
});

describe('the word that makes a version live', () => {
  const request = { changedBy: 'me', reason: 'r', changedAtMs: 1 };
  it('names all that were live before, newest first', () => {
    const swapped = swapOf({ app: 'dedup', liveVersion: 2, formerVersions: [3, 1] }, { ...request, to: 3 }).data;
    assert.deepEqual([swapped.liveVersion, swapped.formerVersions], [3, [2, 1]]);
  });
  it('is refused for the one that is live', () =>
    assert.throws(() => swapOf({ app: 'dedup', liveVersion: 2, formerVersions: [1] }, { ...request, to: 2 }), /is live already/));
});
