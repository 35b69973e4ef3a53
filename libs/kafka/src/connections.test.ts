import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { openConnections } from './connections.ts';
import { fakeCluster } from './fake-cluster.fixture.ts';

const unknown = (): Error => Object.assign(new Error('no such topic'), { type: 'UNKNOWN_TOPIC_OR_PARTITION' });

/** Connections to a cluster that answers with each of `answers` in turn, and then with the last again and again. */
function connectionsTo(answers: readonly (Error | undefined)[], unknownTopicMsMax: number) {
  let asked = 0;
  const addMultipleTargetTopics = async (): Promise<void> => {
    const answer = answers[Math.min(asked, answers.length - 1)];
    asked += 1;
    if (answer) throw answer;
  };
  const connections = openConnections({ brokers: ['b:1'], clientId: 'c', unknownTopicMsMax }, () =>
    fakeCluster({}, { addMultipleTargetTopics }),
  );
  return { connections, askedCount: () => asked };
}

describe('an operation on a topic that Kafka does not know', () => {
  it('is tried again for as long as a broker may need to learn of it', async () => {
    const { connections, askedCount } = connectionsTo([unknown(), unknown(), undefined], 10_000);
    assert.equal(await connections.run('control', ['images'], async () => 'done'), 'done');
    assert.equal(askedCount(), 3);
    await connections.close();
  });

  it('ends, and says what to do, when it is not there for longer', async () => {
    const { connections, askedCount } = connectionsTo([unknown()], 40);
    const message = 'topic images is not there, or no more: `waybill deploy` makes it';
    await assert.rejects(
      connections.run('control', ['images'], async () => 'done'),
      { code: 'LOG_UNAVAILABLE', message },
    );
    assert.ok(askedCount() > 1);
    await assert.rejects(
      connections.run('control', ['images', 'scans'], async () => 'done'),
      { message: /one of the topics images, scans/ },
    );
    await connections.close();
  });

  it('is not given up for having been unknown before, with other failures in between', async () => {
    const lost = Object.assign(new Error('lost'), { name: 'KafkaJSConnectionError' });
    const { connections, askedCount } = connectionsTo([unknown(), lost, unknown(), lost, unknown(), lost, undefined], 60);
    assert.equal(await connections.run('control', ['images'], async () => 'done'), 'done');
    assert.equal(askedCount(), 7);
    await connections.close();
  });
});
