import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { openConnections, type KafkaOptions } from './connections.ts';
import { createEventLog } from './event-log.ts';
import { answerFetch, askedBy, fakeCluster } from './fake-cluster.fixture.ts';
import { storedBatch } from './record-batch.fixture.ts';
import type { WireCall } from './wire-call.ts';
import type { Broker, Cluster } from './wire.ts';

const place = { topic: 'rows', partition: 0 };
const options: KafkaOptions & { readonly countBy: string } = { brokers: ['n'], clientId: 'c', countBy: place.topic };
const earliest = -2;

/** One record is there; who asks for the next one waits for ever, and with it whatever comes behind on the same connection. */
function patientCluster(onWait: () => void): Cluster {
  let before: Promise<unknown> = Promise.resolve();
  const inTurn = <T>(answer: () => Promise<T>): Promise<T> => {
    const turn = before.then(answer);
    before = turn;
    return turn;
  };
  const listOffsets: Broker['listOffsets'] = ({ topics: [topic] }) =>
    inTurn(async () => {
      const partitions = topic!.partitions.map(({ partition, timestamp }) => ({ partition, offset: timestamp === earliest ? '0' : '1' }));
      return { responses: [{ topic: topic!.topic, partitions }] };
    });
  const send = <T>(call: WireCall<T>): Promise<T> =>
    inTurn(async () => {
      const isThere = askedBy(call).positions[0]!.offset === 0;
      if (!isThere) await new Promise<never>(onWait);
      const bytes = storedBatch([{ ...place, key: 'k', value: null, headers: {} }], { baseOffset: 0 });
      return answerFetch(call, { topic: place.topic, bytes });
    });
  return fakeCluster({ listOffsets, connectionPool: { send } });
}

describe('a follower that waits for what comes next', () => {
  it('holds up neither who reads nor who asks for bounds', async () => {
    const [ending, waiting] = [new AbortController(), Promise.withResolvers<void>()];
    const connections = openConnections(options, () => patientCluster(waiting.resolve));
    const log = await createEventLog(options, connections);
    const following = log.follow({ topics: [place.topic], from: () => undefined, onRecords: () => undefined, signal: ending.signal });
    await waiting.promise;
    const atWorst = AbortSignal.any([ending.signal, AbortSignal.timeout(5_000)]);
    const offsets: number[] = [];
    const reading = log.read(place, { from: 0, to: 1 }, (records) => void offsets.push(...records.map(({ offset }) => offset)), atWorst);
    await Promise.all([reading, log.bounds(place, atWorst)]).finally(() => ending.abort());
    assert.deepEqual(offsets, [0]);
    await following;
    await log.close();
  });
});
