import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import type { NewRecord } from '@waybill/stream';
import { encoding, memoryLog } from './gateway.fixture.ts';
import { lateLog, type Reached } from './log.ts';

/** Kafka and its registry, which come when `arrive` is called. */
function start() {
  const [memory, failures] = [memoryLog(), [] as unknown[]];
  let [isThere, tries, closedCount] = [false, 0, 0];
  const connect = async (): Promise<Reached> => {
    tries++;
    if (!isThere) throw new Error('no broker');
    return { encoding, append: memory.append, close: async () => void closedCount++ };
  };
  const log = lateLog(connect, (error) => void failures.push(error), 1);
  const untilReached = async (): Promise<void> => {
    while (log.encoding() === undefined) await sleep(1);
  };
  return { log, memory, failures, untilReached, arrive: () => (isThere = true), tries: () => tries, closedCount: () => closedCount };
}
const record: NewRecord = { topic: 't', partition: 0, key: 'k', value: Buffer.from('v'), headers: {} };

describe('a log that is not there yet', () => {
  it('takes nothing, says why, and is reached as soon as it is there', async () => {
    const { log, memory, failures, untilReached, arrive } = start();
    await assert.rejects(log.append([record]), /not been reached/);
    while (failures.length < 3) await sleep(1);
    assert.match(String(failures[0]), /no broker/);
    assert.equal(log.encoding(), undefined);
    arrive();
    await untilReached();
    await log.append([record]);
    assert.deepEqual(memory.records(), [record]);
    await log.close();
  });

  it('is looked for no more once it is closed, and what was reached is closed with it', async () => {
    const away = start();
    await away.log.close();
    const tries = away.tries();
    await sleep(20);
    assert.equal(away.tries(), tries);

    const there = start();
    there.arrive();
    await there.untilReached();
    await there.log.close();
    assert.equal(there.closedCount(), 1);
  });
});
