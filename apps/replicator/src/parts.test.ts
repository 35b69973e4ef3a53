import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import type { EventOf, ImageDecided, Target } from '@waybill/domain';
import { targetAt } from '@waybill/domain/testing';
import type { CopyResult } from './copy.ts';
import { key, nowMs, result, sha, start } from './testing.fixture.ts';

// Goal: what belongs at a target is a digest and its platforms; how urgent a copy is says when it begins, and nothing else.
describe('an image of which some platforms are copied', () => {
  const amd64 = targetAt('b', 'team/app', 'v1', { platforms: ['linux/amd64'] });
  const part: CopyResult = { ...result, copiedDigest: sha('9'), imageBytes: 44 };
  const decideOn = (target: Target, change: Partial<ImageDecided> = {}): Partial<ImageDecided> => ({ targets: [target], ...change });

  it('is there under the digest of what is left, and its event says of which platforms and of what size', () => {
    const { driver, decide, row, payload, events } = start();
    decide('d1', decideOn(amd64));
    assert.deepEqual(payload().target.platforms, ['linux/amd64']);
    driver.finishJob(key, part);
    assert.deepEqual([row()?.digest, row()?.copiedDigest, row()?.platforms], [sha('1'), sha('9'), ['linux/amd64']]);
    const [{ data }] = events() as readonly [EventOf<'ImageCopied'>];
    assert.deepEqual([data.digest, data.copiedDigest, data.platforms, data.imageBytes], [sha('1'), sha('9'), ['linux/amd64'], 44]);
  });

  it('is not copied again by a decision that says the same', () => {
    const { driver, decide } = start();
    decide('d1', decideOn(amd64));
    decide('d2', decideOn(amd64));
    driver.finishJob(key, part);
    decide('d3', decideOn(amd64));
    assert.deepEqual([driver.ignored(), driver.jobs()], [['is being copied', 'already copied'], []]);
  });

  it('is copied again where other platforms are wanted, or all of it', () => {
    for (const other of [targetAt('b', 'team/app', 'v1'), { ...amd64, platforms: ['linux/amd64', 'linux/arm64'] }])
      for (const isThere of [true, false]) {
        const { driver, decide, row, payload } = start();
        decide('d1', decideOn(amd64));
        if (isThere) driver.finishJob(key, part);
        decide('d2', decideOn(other, { evaluatedAtMs: nowMs + 1 }));
        assert.deepEqual([payload().decisionEventId, payload().target.platforms], ['d2', other.platforms]);
        assert.deepEqual([row()?.status, row()?.copiedDigest], ['copying', isThere ? sha('9') : null]);
        driver.finishJob(key, result);
        decide('d1 fed back', decideOn(amd64));
        assert.deepEqual([row()?.copiedDigest, row()?.platforms, driver.jobs()], [sha('1'), other.platforms, []]);
      }
  });

  it('stays whole where it is its own target', () => {
    const { decide, row } = start();
    decide('d1', decideOn({ ...amd64, registry: 'a' }));
    const own = row('a.test/team/app:v1');
    assert.deepEqual([own?.copiedDigest, own?.platforms], [sha('1'), []]);
  });
});

describe('the class of a copy', () => {
  const of = (priorityClass: string): Partial<ImageDecided> => ({ targets: [targetAt('b', 'team/app', 'v1', { priorityClass })] });

  it('says which goes first', () => {
    const priorities = ['critical', 'high', 'normal', 'low', 'of a later version'].map((priorityClass) => {
      const { driver, decide } = start();
      decide('d1', of(priorityClass));
      return driver.jobs()[0]?.priority;
    });
    assert.deepEqual(priorities, [2, 1, 0, -1, 0]);
  });

  it('reaches a copy that is on its way, which stays the same copy', () => {
    const { driver, decide, row } = start();
    decide('d1', of('normal'));
    const [before] = driver.jobs();
    decide('d2', { ...of('critical'), evaluatedAtMs: nowMs + 1 });
    assert.deepEqual(driver.jobs(), [{ ...before, priority: 2 }]);
    assert.deepEqual([row()?.priorityClass, row()?.decisionEventId, driver.ignored()], ['critical', 'd1', []]);
    decide('d1 fed back', of('normal'));
    assert.equal(driver.jobs()[0]?.priority, 2);
    driver.finishJob(key, result);
    assert.equal(row()?.status, 'copied');
  });

  it('that changes alone copies nothing again', () => {
    const { driver, decide } = start();
    decide('d1', of('normal'));
    driver.finishJob(key, result);
    decide('d2', { ...of('critical'), evaluatedAtMs: nowMs + 1 });
    assert.deepEqual([driver.ignored(), driver.jobs()], [['already copied'], []]);
  });

  it('of one target changes while another is new', () => {
    const { driver, decide } = start();
    decide('d1', of('normal'));
    decide('d2', {
      targets: [...of('low').targets!, targetAt('c', 'team/app', 'v1', { priorityClass: 'high' })],
      evaluatedAtMs: nowMs + 1,
    });
    assert.deepEqual(driver.jobs().map(({ id, priority }) => [id, priority]), [[key, -1], ['c.test/team/app:v1', 1]]); // prettier-ignore
  });
});
