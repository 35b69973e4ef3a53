import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { digestOf, hour, nowMs, published, startPolicy, type Happening } from './testing.fixture.ts';

// Goal: conditions decide by what the events say, wait for what they do not say yet, and stop nothing but their own policy.
const [d1, amd] = [digestOf('1'), digestOf('a')] as const;
const push: Happening = { push: 'p1', tags: ['v1'], digest: d1 };
const inspection: Happening = { inspected: d1, of: 'p1', tags: ['v1'], platforms: [amd] };
const scan: Happening = { scanned: amd, in: d1, worst: 'low' };

const policy = (name: string, spec: object) =>
  published(
    name,
    JSON.stringify({ apiVersion: 'waybill/v1', kind: 'ReplicationPolicy', metadata: { name }, spec: { match: {}, ...spec } }),
  );
const copying = (name: string, when: string, priority = 0) => policy(name, { when, priority, replicate: [{ registry: 'b' }] });

function decide(policies: readonly ReturnType<typeof published>[], ...happenings: readonly Happening[]) {
  const started = startPolicy(Object.fromEntries(policies.map((each) => [each.data.policyId, each])));
  started.when(...happenings);
  return started;
}

describe('a policy with a condition', () => {
  it('waits for the facts that it is about, and decides when they are there', () => {
    const started = decide([copying('p', "severity(scan.worst) <= severity('medium')")], push, inspection);
    assert.deepEqual([started.row('v1')?.status, started.row('v1')?.awaiting], ['held', [`scan of ${amd}`]]);
    started.when(scan);
    assert.equal(started.row('v1')?.status, 'allowed');
  });

  it('denies by its own code what it fails on, and says so in the trace', () => {
    const others = policy('others', { replicate: [{ registry: 'b' }] });
    const started = decide([copying('broken', "image.labels.owner == 'me'", 1), others], push, inspection);
    const [decision] = started.decisions();
    assert.deepEqual([decision?.outcome, decision?.code, decision?.policyId], ['deny', 'POLICY_FAILED', 'broken']);
    assert.deepEqual(
      decision?.trace.map(({ policyId, matched, outcome }) => [policyId, matched, outcome]),
      [
        ['broken', true, 'error'],
        ['others', true, 'allow'],
      ],
    );
  });

  it('leaves what is decided before it alone, whatever it fails on', () => {
    const first = policy('first', { priority: 2, replicate: [{ registry: 'b' }] });
    const started = decide([first, copying('broken', '1 / 0 == 1', 1)], push, inspection);
    assert.equal(started.row('v1')?.policyId, 'first');
    assert.equal(started.row('v1')?.status, 'allowed');
  });

  it('decides anew at the full hour at which its condition turns', () => {
    const started = decide([copying('night', 'time.hour < 2')], push, inspection);
    const outcomes = () => started.decisions().map(({ outcome, occasion }) => `${outcome} ${occasion}`);
    started.passTo(nowMs + 2 * hour - 1);
    assert.deepEqual(outcomes(), ['allow evidence']);
    started.passTo(nowMs + 2 * hour);
    assert.deepEqual(outcomes(), ['allow evidence', 'deny time']);
    started.passTo(nowMs + 24 * hour);
    assert.deepEqual(outcomes(), ['allow evidence', 'deny time', 'allow time']);
  });

  it('that is none is refused as a whole, and stops no other', () => {
    const started = decide([copying('p', 'image.tga == 1', 1), policy('others', { replicate: [{ registry: 'b' }] })], push, inspection);
    assert.equal(started.row('v1')?.policyId, 'others');
  });
});
