import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { topics, type TypedRecord } from '@waybill/domain';
import { topologyDriver } from './testing.ts';
import { isEvent, type Topology } from './topology.ts';

const requested = (digest: string): TypedRecord => ({
  type: 'ScanRequested',
  data: { registry: 'r', repository: 'a', digest, imageDigest: digest },
});

const passOn = (poison: readonly string[]): Topology => ({
  group: 'scanner',
  inputs: [topics.scanRequests],
  stores: {},
  outputs: [topics.scanRequests],
  held: topics.scannerHeld,
  handle(input) {
    if (!isEvent(input, 'ScanRequested')) return {};
    const { digest } = input.event.data;
    if (poison.includes(digest)) throw new TypeError(`cannot read ${digest}`);
    return { emit: [{ topic: topics.scanRequests, key: digest, subject: digest, event: requested(digest) }] };
  },
});
const place = (offset: number): string => `${topics.scanRequests.name}/0/${offset}`;

describe('the topology driver', () => {
  it('throws what the stage throws, unless it parks', () => {
    assert.throws(() => topologyDriver(passOn(['a'])).pipe(topics.scanRequests, 'k', requested('a')), /cannot read a/);
  });

  it('shows a stage author what is parked, what waits behind it, and what comes of a retry or a drop', () => {
    const driver = topologyDriver(passOn(['a', 'c']), { parks: true });
    for (const [key, digest] of [
      ['k', 'a'],
      ['k', 'b'],
      ['l', 'x'],
      ['k', 'c'],
      ['k', 'd'],
    ] as const)
      driver.pipe(topics.scanRequests, key, requested(digest));
    assert.deepEqual(driver.keys(topics.scanRequests), ['x']);
    assert.deepEqual(driver.parked(), [{ place: place(0), reason: 'cannot read a', attempts: 1, behind: 3 }]);
    driver.retry(place(0));
    assert.equal(driver.parked()[0]?.attempts, 2);
    driver.deploy(passOn(['c']));
    driver.retry(place(0));
    assert.deepEqual(driver.keys(topics.scanRequests), ['x', 'a', 'b']);
    assert.deepEqual(driver.parked(), [{ place: place(3), reason: 'cannot read c', attempts: 1, behind: 1 }]);
    assert.throws(() => driver.retry(place(4)), /nothing is parked at .*4; parked are: .*3/);
    driver.drop(place(3));
    assert.deepEqual([driver.keys(topics.scanRequests), driver.parked()], [['x', 'a', 'b', 'd'], []]);
  });
});
