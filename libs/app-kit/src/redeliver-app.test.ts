import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { findRedeliverRequest, redeliverArguments, type RedeliverRequest } from './redeliver-app.ts';

const request: RedeliverRequest = { sandbox: 'try', from: { atMs: 5 }, state: 'empty', recordsMax: 10, replication: 1 };
const argvOf = (value: unknown): readonly string[] => ['node', 'main.ts', '--redeliver', JSON.stringify(value)];

describe('what an app is asked to deliver again', () => {
  it('comes as it was said', () => {
    const more: RedeliverRequest = { ...request, from: { offset: 3 }, to: { atMs: 9 }, partitions: [0, 2], match: 'demo/app', input: 't' };
    for (const wanted of [request, more])
      assert.deepEqual(findRedeliverRequest(['node', 'main.ts', ...redeliverArguments(wanted)]), wanted);
  });

  it('is nothing for an app that runs live', () => assert.equal(findRedeliverRequest(['node', 'main.ts']), undefined));

  it('is refused where it is none: the app must not run live instead', () => {
    const { sandbox: _sandbox, ...nameless } = request;
    const wrong = [
      null,
      {},
      nameless,
      { ...request, from: {} },
      { ...request, state: 'then' },
      { ...request, partitions: [] },
      { ...request, more: 1 },
    ];
    for (const value of wrong) assert.throws(() => findRedeliverRequest(argvOf(value)), /--redeliver: /);
    assert.throws(() => findRedeliverRequest(['node', 'main.ts', '--redeliver']), /--redeliver: /);
    assert.throws(() => findRedeliverRequest(['node', 'main.ts', '--redeliver', '{']));
  });
});
