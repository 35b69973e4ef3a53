import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { topics, type Topic } from '@waybill/domain';
import fc from 'fast-check';
import type { EventLog, NewRecord, Transaction } from './event-log.ts';
import { findSandbox, inSandbox, parseSandbox, sandboxed, sandboxName, sandboxTopics } from './sandbox.ts';
import type { Topology } from './topology.ts';

const topic = (name: string, kind: Topic['kind'] = 'event'): Topic => ({
  ...{ name, kind, records: [], key: 'key', retentionMs: -1, purpose: 'test' },
});

const app = (outputs: readonly Topic[]): Topology => ({
  ...{ group: 'counter', inputs: [topic('input')], stores: { counts: topic('counts', 'state') }, outputs, held: topic('held', 'state') },
  ...{ jobTopic: topic('jobs', 'state'), marks: { seen: { topic: topic('seen', 'marks'), ttlMs: 1 } }, rebuild: 'inputs' },
  handle: () => ({}),
});

/** A log that keeps what reaches it. */
function spy() {
  const reached = { writers: [] as string[], groups: [] as string[], records: [] as NewRecord[], read: [] as string[] };
  const log: Partial<EventLog> = {
    partitions: 1,
    async openWriter(group) {
      reached.writers.push(group);
      return {
        async commit({ records }: Transaction) {
          reached.records.push(...records);
          return new Map(records.map((record) => [record.topic, 7]));
        },
        close: async () => undefined,
      };
    },
    async committed(group) {
      reached.groups.push(group);
      return new Map();
    },
    async bounds({ topic: name }) {
      reached.read.push(name);
      return { first: 0, end: 0 };
    },
  };
  return { log: log as EventLog, reached };
}

const recordTo = (name: string): NewRecord => ({ topic: name, partition: 0, key: 'k', value: Buffer.from('v'), headers: {} });
const transaction = (...names: readonly string[]): Transaction => ({ records: names.map(recordTo), consumed: new Map(), partition: 0 });
const refused = { code: 'SANDBOX_REFUSED' };

describe('the name of a sandbox', () => {
  it('can be told from everything else', () => {
    assert.equal(sandboxName('waybill.images.v1', 'try-2'), 'waybill.images.v1--sandbox-try-2');
    assert.deepEqual(findSandbox('waybill.images.v1--sandbox-try-2'), { name: 'waybill.images.v1', sandbox: 'try-2' });
    for (const name of ['waybill.images.v1', 'dedup', 'dedup.v2', '--sandbox-a', 'a--sandbox-', 'a--sandbox-B', 'a--sandbox-b--sandbox-c'])
      assert.equal(findSandbox(name), undefined, name);
  });

  it('is short, and legal in topics, groups and folders', () => {
    for (const name of ['a', '0', 'try-2', 'x'.repeat(40)]) assert.equal(parseSandbox(name), name);
    for (const name of ['', '-a', 'a-', 'a--b', 'A', 'a.b', 'a/b', '..', 'ä', 'x'.repeat(41), 'a\n'])
      assert.throws(() => parseSandbox(name), /is no name for a sandbox/);
  });
});

describe('an app in a sandbox', () => {
  const live = app([topic('output')]);
  const inside = sandboxed(live, 'try');

  it('is another group and no version of the app, and says things under the app’s name', () =>
    assert.deepEqual([inside.group, inside.app, inside.rebuild], ['counter--sandbox-try', 'counter', undefined]));

  it('has topics of its own for everything that it may write', () =>
    assert.deepEqual(
      sandboxTopics(live, 'try').map(({ name, kind }) => `${kind} ${name}`),
      ['state counts', 'marks seen', 'state jobs', 'state held', 'event output', `event ${topics.parked.name}`].map(
        (name) => `${name}--sandbox-try`,
      ),
    ));

  it('writes and reads its rows there, reads all else where it is, and notices nothing of it', async () => {
    const { log, reached } = spy();
    const own = inSandbox(log, inside, 'try');
    const writer = await own.openWriter(inside.group, 0);
    assert.deepEqual(await writer.commit(transaction('counts', 'output')), new Map([['counts', 7], ['output', 7]])); // prettier-ignore
    for (const name of ['counts', 'seen', 'held', 'jobs', 'input', 'output']) await own.bounds({ topic: name, partition: 0 });
    assert.deepEqual(
      reached.records.map((record) => record.topic),
      ['counts--sandbox-try', 'output--sandbox-try'],
    );
    const inOwn = ['counts', 'seen', 'held', 'jobs'].map((name) => `${name}--sandbox-try`);
    assert.deepEqual(reached.read, [...inOwn, 'input', 'output']);
  });

  it('cannot open the writer of a live group, see or move its offsets, or join one', async () => {
    const { log, reached } = spy();
    const own = inSandbox(log, inside, 'try');
    for (const group of ['counter', 'counter.v2', 'other', 'counter--sandbox-other', 'counter--sandbox-try-2']) {
      await assert.rejects(own.openWriter(group, 0), refused);
      await assert.rejects(own.committed(group, ['input'], 0), refused);
      await assert.rejects(own.joinGroup({ group } as never), refused);
    }
    await assert.rejects(own.joinGroup({ group: inside.group } as never), refused);
    assert.deepEqual([reached.writers, reached.groups], [[], []]);
  });

  it('is not believed when it calls a live group its own', async () => {
    const { log, reached } = spy();
    await assert.rejects(inSandbox(log, live, 'try').openWriter('counter', 0), refused);
    assert.deepEqual(reached.writers, []);
  });

  it('writes all of a transaction or nothing of it', async () => {
    const { log, reached } = spy();
    const writer = await inSandbox(log, inside, 'try').openWriter(inside.group, 0);
    await assert.rejects(writer.commit(transaction('output', 'input')), refused);
    assert.deepEqual(reached.records, []);
  });

  it('writes nothing outside, whatever it declares and whatever it tries', async () => {
    const names = ['output', 'other', 'counts', 'waybill.images.v1', 'waybill.parked.v1', 'output--sandbox-other', 'output--sandbox-try'];
    const some = fc.array(fc.constantFrom(...names), { maxLength: 4 });
    await fc.assert(
      fc.asyncProperty(some, some, async (declared, tried) => {
        const { log, reached } = spy();
        const topology = sandboxed(app(declared.map((name) => topic(name))), 'try');
        const writer = await inSandbox(log, topology, 'try').openWriter(topology.group, 0);
        await writer.commit(transaction(...tried)).catch((error: { code?: string }) => assert.equal(error.code, 'SANDBOX_REFUSED'));
        for (const { topic: name } of reached.records) assert.ok(name.endsWith('--sandbox-try'), name);
      }),
    );
  });
});
