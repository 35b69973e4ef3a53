import assert from 'node:assert/strict';
import { afterEach, describe, it } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import { topics } from '@waybill/domain';
import fc from 'fast-check';
import { Registry } from 'prom-client';
import type { Append } from '../batcher.ts';
import { bearer, encoding, memoryLog, push, secrets, startGateway, type Log } from '../gateway.fixture.ts';
import type { Encoding } from '../topology.ts';
import { MemoryDisk } from './disk.fixture.ts';
import { createDrain, type Drain } from './drain.ts';
import { createSpoolMetrics } from './metrics.ts';
import { openSpool, type Notice } from './spool.ts';

type Options = { readonly disk?: MemoryDisk; readonly bytesMax?: number; readonly encoding?: () => Encoding | undefined };

const begun: Drain[] = [];
afterEach(() => Promise.all(begun.splice(0).map((drain) => drain.stop())));

/** A gateway with a spool on a disk in memory, before a log that fails where `append` does. */
async function start(append: Append, options: Options = {}, config: Parameters<typeof startGateway>[1] = {}) {
  const { disk = new MemoryDisk(), bytesMax = 100_000_000 } = options;
  const notices: Notice[] = [];
  const spool = await openSpool({
    ...{ files: disk.files, bytesMax, segmentBytes: 1_000_000, salt: () => 7 },
    onNotice: (notice) => void notices.push(notice),
  });
  const log = { append, encoding: options.encoding ?? (() => encoding) };
  const drain = createDrain({ spool, log, onDrained: () => undefined, onFailure: () => undefined, pauseMsMin: 1, pauseMsMax: 2 });
  begun.push(drain);
  drain.wake();
  const overflow = { spool, drain, isFull: () => !spool.hasRoomFor(1_000) };
  const gateway = await startGateway(append, { APPEND_TIMEOUT_MS: 1_000, ...config }, { overflow, encoding: log.encoding });
  const drained = async (): Promise<void> => {
    while (spool.leftBytes > 0) await sleep(1);
  };
  return { ...gateway, spool, drain, disk, notices, drained };
}

/** A log that is away until it is told to come. */
function switchedLog(): Log & { isAway: boolean } {
  const log = memoryLog(async () => {
    if (switched.isAway) throw new Error('no broker');
    await sleep(1); // Slower than the disk, as a broker is.
  });
  const switched = { ...log, isAway: true };
  return switched;
}
const idsIn = (log: Log, topic = topics.imageEvents.name): readonly string[] =>
  log.records().flatMap((record) => (record.topic === topic ? record.headers['ce_id']!.toString() : []));
const body = (index: number): unknown => ({ events: [push(`e${index}`, `v${index}`)] });

describe('while the log is away, a gateway with a spool', () => {
  it('says 202, and sends later exactly what it would have sent then', async () => {
    const [log, straight] = [switchedLog(), memoryLog()];
    const { post, drained, spool } = await start(log.append);
    const bodies = [body(1), ' garbage', { events: [push('e2'), push('e3')] }];
    for (const one of bodies)
      assert.equal((await post('distribution', one, { ...bearer, traceparent: 'x', cookie: 'a=b' })).statusCode, 202);
    assert.deepEqual([log.sends.length, spool.count], [0, 3]);
    log.isAway = false;
    await drained();
    const reference = await startGateway(straight.append);
    for (const one of bodies) await reference.post('distribution', one, { ...bearer, traceparent: 'x', cookie: 'a=b' });
    assert.deepEqual(log.records(), straight.records());
  });

  it('lets no delivery overtake another, however the log comes and goes', async () => {
    const property = fc.asyncProperty(fc.infiniteStream(fc.nat(9)), fc.integer({ min: 1, max: 8 }), async (dice, width) => {
      const log = memoryLog(async () => {
        const rolled = Number(dice.next().value);
        if (rolled < 5) await sleep(0);
        if (rolled % 3 === 0) throw new Error('no broker');
      });
      const { post, drained } = await start(log.append);
      for (let index = 0; index < 60; index += width) {
        const posts = Array.from({ length: width }, (_, at) => post('distribution', body(index + at), bearer));
        for (const { statusCode } of await Promise.all(posts)) assert.equal(statusCode, 202);
      }
      await drained();
      const tags = log
        .records()
        .flatMap(({ topic, headers }) => (topic === topics.imageEvents.name ? headers['ce_subject']!.toString() : []));
      const numbers = [...new Set(tags)].map((subject) => Number(subject.split(':v')[1]));
      assert.deepEqual(
        numbers,
        numbers.toSorted((a, b) => a - b),
      ); // Requests that are under way at once keep the order in which they came.
      assert.ok(numbers.length >= 60);
    });
    await fc.assert(property, { numRuns: 10 });
  });

  it('starts and takes deliveries before Kafka and the schema registry have ever been reached', async () => {
    const kafka: { reached?: Encoding } = {};
    const log = memoryLog();
    const { post, drained, spool } = await start(log.append, { encoding: () => kafka.reached });
    for (let index = 0; index < 5; index++) assert.equal((await post('distribution', body(index), bearer)).statusCode, 202);
    assert.deepEqual([log.sends.length, spool.count], [0, 5]);
    kafka.reached = encoding;
    await drained();
    assert.equal(idsIn(log).length, 5);
  });

  it('says 503 with Retry-After when the spool is full, is not ready then, and takes deliveries again when it has drained', async () => {
    const log = switchedLog();
    const { post, drained, ready } = await start(log.append, { bytesMax: 20_000 });
    const codes: number[] = [];
    for (let index = 0; index < 30; index++) codes.push((await post('distribution', body(index), bearer)).statusCode);
    const refused = await post('distribution', body(99), bearer);
    assert.deepEqual([refused.statusCode, refused.json<{ code: string }>().code], [503, 'SPOOL_FULL']);
    assert.match(String(refused.headers['retry-after']), /^\d+$/);
    assert.match(String(ready()), /full/);
    log.isAway = false;
    await drained();
    assert.equal(idsIn(log).length, codes.filter((code) => code === 202).length);
    assert.equal((await post('distribution', body(100), bearer)).statusCode, 202);
    assert.equal(ready(), true);
  });

  it('says 503 when the disk fails too', async () => {
    const { post, disk } = await start(switchedLog().append);
    disk.failNext = 'fsync-fails';
    const answer = await post('distribution', body(1), bearer);
    assert.deepEqual([answer.statusCode, answer.json<{ code: string }>().code], [503, 'SPOOL_FAILED']);
    assert.equal((await post('distribution', body(1), bearer)).statusCode, 202);
  });

  it('keeps no secret on the disk', async () => {
    const { post, disk } = await start(switchedLog().append);
    await post('distribution', body(1), bearer);
    await post('harbor', { type: 'PUSH_ARTIFACT' }, { authorization: secrets.harbor });
    await post(`dockerhub/${secrets.dockerhub}`, {}, { 'x-original-url': `/v1/webhooks/dockerhub/${secrets.dockerhub}` });
    const bytes = Buffer.concat(disk.names().map((name) => disk.bytesOf(name)));
    assert.ok(bytes.includes('harbor'));
    for (const secret of Object.values(secrets)) assert.ok(!bytes.includes(secret));
  });
});

describe('whatever the disk does', () => {
  it('memory is bounded: when it hangs, senders are told so in bounded time, and once enough waits at once', async () => {
    const disk = new MemoryDisk();
    const { files } = disk;
    const create = async (name: string) => ({
      ...(await files.create(name)),
      sync: () => (name === 'position' ? Promise.resolve() : new Promise<void>(() => undefined)),
    });
    disk.files = { ...files, create };
    const { post, batcher } = await start(switchedLog().append, { disk }, { APPEND_TIMEOUT_MS: 100, IN_FLIGHT_BYTES_MAX: 1_048_576 });
    const large = { events: [], filler: 'x'.repeat(100_000) };
    const answers = await Promise.all(Array.from({ length: 30 }, () => post('distribution', large, bearer)));
    const codes = answers.map((answer) => answer.json<{ code: string }>().code);
    assert.deepEqual(new Set(codes), new Set(['LOG_UNAVAILABLE', 'GATEWAY_BUSY']));
    assert.ok(batcher.pendingBytes() <= 1_048_576, `${batcher.pendingBytes()}`);
  });

  it('metrics say how much is in the spool and how old it is, never less than nothing when the clock is set back', async () => {
    const { post, spool, drain } = await start(switchedLog().append);
    await post('distribution', body(1), bearer);
    while (drain.oldestAtMs() === undefined) await sleep(1);
    const registry = new Registry();
    let now = 1_700_000_007_000;
    createSpoolMetrics(registry).watch({ spool, drain, nowMs: () => now });
    assert.match(await registry.metrics(), /spool_deliveries 1\n[^]*spool_oldest_seconds 7\n/);
    now -= 3_600_000;
    assert.match(await registry.metrics(), /spool_oldest_seconds 0\n/);
  });
});

describe('draining', () => {
  it('comes to its end while deliveries keep coming, and then they go straight to the log again', async () => {
    const log = switchedLog();
    const { post, spool } = await start(log.append);
    for (let index = 0; index < 200; index++) await post('distribution', body(index), bearer);
    log.isAway = false;
    let sent = 200;
    const sender = async (): Promise<void> => {
      while (spool.leftBytes > 0 && sent < 4_000) await post('distribution', body(sent++), bearer);
    };
    await Promise.all(Array.from({ length: 32 }, sender));
    assert.equal(spool.leftBytes, 0, `after ${sent} deliveries`);
    assert.ok(sent < 4_000);
    const { length } = log.sends;
    await post('distribution', body(sent), bearer);
    assert.deepEqual([log.sends.length, spool.usedBytes], [length + 1, 0]);
  });

  it('holds a bounded part of a large spool', async () => {
    const log = switchedLog();
    const { post, drained } = await start(log.append);
    const large = { events: [push('e1')], filler: 'x'.repeat(300_000) };
    for (let index = 0; index < 40; index++) await post('distribution', { ...large, index }, bearer);
    log.isAway = false;
    await drained();
    const bytes = log.sends.map((records) => records.reduce((sum, { value }) => sum + value!.length, 0));
    assert.ok(Math.max(...bytes) < 8_000_000, `${Math.max(...bytes)} bytes at once`); // As JSON a body takes four times its bytes.
    assert.ok(bytes.length >= 10);
  });

  it('sets aside what this version cannot send, and sends all others', async () => {
    const log = switchedLog();
    const codec: Encoding['codec'] = {
      ...encoding.codec,
      encode: (record) => {
        if (JSON.stringify(record.data).includes('"poison"')) throw new Error('no such schema');
        return encoding.codec.encode(record);
      },
    };
    const version: { current?: Encoding } = {};
    const { post, drained, notices } = await start(log.append, { encoding: () => version.current });
    for (const actor of ['ci', 'poison', 'cd']) await post('distribution', { events: [{ ...push('e1'), actor: { name: actor } }] }, bearer);
    version.current = { ...encoding, codec };
    log.isAway = false;
    await drained();
    assert.equal(idsIn(log, topics.deliveries.name).length, 2);
    assert.deepEqual(notices.map((notice) => 'why' in notice && notice.why), ['unsendable']); // prettier-ignore
  });

  it('goes on after a restart', async () => {
    const log = switchedLog();
    const first = await start(log.append);
    for (let index = 0; index < 5; index++) await first.post('distribution', body(index), bearer);
    await first.drain.stop();
    first.disk.crash('kill');
    log.isAway = false;
    const second = await start(log.append, { disk: first.disk });
    await second.drained();
    assert.equal(new Set(idsIn(log)).size, 5);
  });
});
