import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { targetText } from '@waybill/domain';
import { digestOf, nowMs, published, startPolicy } from './testing.fixture.ts';

// Goal: whoever copies is told when other platforms are wanted, or a copy is more urgent than it was, and of nothing else.
const [d1, amd, arm] = [digestOf('1'), digestOf('a'), digestOf('b')];
const copying = (target: string) =>
  published(
    'p',
    `{ apiVersion: waybill/v1, kind: ReplicationPolicy, metadata: { name: p },
       spec: { match: {}, replicate: [{ registry: b${target} }] } }`,
  );

/** An index of two platforms, pushed under such a policy. */
function start(target: string) {
  const started = startPolicy({ p: copying(target) });
  const pipe = started.driver.pipe.bind(started.driver);
  started.driver.pipe = (topic, key, event, options) => {
    if (event.type !== 'ImageInspected') return pipe(topic, key, event, options);
    const data = event.data;
    const platforms = data.platforms.map((platform, at) => ({ ...platform, architecture: ['amd64', 'arm64'][at]! }));
    return pipe(topic, key, { type: event.type, data: { ...data, platforms } }, options);
  };
  started.when({ push: 'p1', tags: ['v1'], digest: d1 }, { inspected: d1, of: 'p1', tags: ['v1'], platforms: [amd, arm] });
  const then = (changed: string, atMs: number): void => {
    started.publish({ p: copying(changed) }, atMs);
    started.passTo(atMs + 1);
  };
  return {
    ...started,
    then,
    told: () => started.decisions().map(({ outcome, code, targets }) => [outcome, code, ...targets.map(targetText)]),
  };
}

describe('a decision', () => {
  it('is told anew where other platforms are wanted; what is there of others is not taken back', () => {
    const { told, then, decisions } = start(', platforms: [linux/amd64]');
    then('', nowMs + 1_000);
    then(', platforms: [linux/arm64, linux/s390x]', nowMs + 2_000);
    assert.deepEqual(told(), [
      ['allow', 'REQUIREMENTS_MET', 'b/demo/app:v1 (linux/amd64)'],
      ['allow', 'REQUIREMENTS_MET', 'b/demo/app:v1'],
      ['allow', 'REQUIREMENTS_MET', 'b/demo/app:v1 (linux/arm64)'],
    ]);
    assert.ok(decisions().every(({ takenBack, retroactive }) => takenBack.length === 0 && !retroactive));
  });

  it('is told anew where its copy becomes more urgent', () => {
    const { told, then } = start('');
    then(', priorityClass: critical', nowMs + 1_000);
    assert.deepEqual(told().slice(1), [['allow', 'REQUIREMENTS_MET', 'b/demo/app:v1 (critical)']]);
  });

  it('is not told anew where other words come to the same', () => {
    const { told, then } = start('');
    then(', platforms: [linux/amd64, linux/arm64], priorityClass: normal', nowMs + 1_000);
    assert.equal(told().length, 1);
  });

  it('takes back what none of the wanted platforms is for any more', () => {
    const { told, then } = start('');
    then(', platforms: [linux/s390x]', nowMs + 1_000);
    assert.deepEqual(told().slice(1), [['deny', 'PLATFORMS_NONE', 'b/demo/app:v1']]);
  });
});
