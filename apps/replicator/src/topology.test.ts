import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { topics, type EventOf, type ImageDecided, type Target } from '@waybill/domain';
import { targetAt } from '@waybill/domain/testing';
import { failure, key, nowMs, result, sha, start } from './testing.fixture.ts';
import { replicator } from './topology.ts';

describe('an allowed image', () => {
  it('is copied by digest to each of its targets, one job per target tag', () => {
    const { driver, decide, row, payload } = start();
    decide('d1', {
      targets: [targetAt('b', 'team/app', 'v1'), targetAt('c', 'mirror/app', 'prod')],
    });
    assert.deepEqual(
      driver.jobs().map(({ id, kind, host, correlationId }) => ({ id, kind, host, correlationId })),
      [
        { id: key, kind: 'copy', host: 'b.test', correlationId: 'push-of-d1' },
        { id: 'c.test/mirror/app:prod', kind: 'copy', host: 'c.test', correlationId: 'push-of-d1' },
      ],
    );
    assert.deepEqual([payload().digest, payload().decisionEventId, payload().target.registry], [sha('1'), 'd1', 'b']);
    assert.deepEqual([row()?.status, row()?.copiedDigest, row()?.targetRegistry], ['copying', null, 'b.test']);
  });

  it('counts as copied once the job has read it back', () => {
    const { driver, decide, row, events } = start();
    decide('d1');
    driver.finishJob(key, result, { atMs: nowMs + 8 });
    const image = { registry: 'a.test', repository: 'team/app', tag: 'v1', digest: sha('1') };
    const target = { targetRegistry: 'b.test', targetRepository: 'team/app', targetTag: 'v1' };
    assert.equal(events()[0]?.type, 'ImageCopied');
    assert.deepEqual(events()[0]?.data, { ...image, ...target, decisionEventId: 'd1', ...result, platforms: [] });
    assert.deepEqual([events()[0]?.meta.subject, events()[0]?.meta.correlationId], [key, 'push-of-d1']);
    assert.deepEqual(driver.keys(topics.replications), ['a.test/team/app']);
    // When it was decided, not when it ended: that is in the event.
    assert.deepEqual([row()?.status, row()?.copiedDigest, row()?.changedAtMs], ['copied', sha('1'), nowMs]);
  });

  it('that is there already is not copied again', () => {
    const { driver, decide } = start();
    decide('d1');
    driver.finishJob(key, result);
    decide('d2');
    assert.deepEqual([driver.ignored(), driver.jobs()], [['already copied'], []]);
  });

  it('that is on its way is left alone by a decision that says the same', () => {
    const { driver, decide, payload } = start();
    decide('d1');
    decide('d2');
    assert.deepEqual([driver.ignored(), payload().decisionEventId], [['is being copied'], 'd1']);
  });

  it('is copied to a new target while the old one stays as it is', () => {
    const { driver, decide } = start();
    decide('d1');
    driver.finishJob(key, result);
    const old = targetAt('b', 'team/app', 'v1');
    decide('d2', { targets: [old, { ...old, registry: 'c' }] });
    assert.deepEqual(
      driver.jobs().map(({ id }) => id),
      ['c.test/team/app:v1'],
    );
  });

  it('is never copied onto itself, and counts as being there', () => {
    const { driver, decide, row } = start();
    decide('d1', { targets: [targetAt('a', 'team/app', 'v1')] });
    assert.deepEqual([driver.ignored(), driver.jobs()], [['is its own target'], []]);
    const own = row('a.test/team/app:v1');
    assert.deepEqual([own?.status, own?.copiedDigest, own?.digest], ['copied', sha('1'), sha('1')]);
  });

  it('for a registry that nobody configured has a job, so that its failure is told', () => {
    const { driver, decide } = start();
    decide('d1', { targets: [targetAt('nowhere', 'team/app', 'v1')] });
    assert.equal(driver.jobs()[0]?.id, 'nowhere/team/app:v1');
  });
});

describe('a newer decision', () => {
  it('replaces the copy that still waits, so that an old digest never lands on a newer one', () => {
    const { driver, decide, payload, row } = start();
    decide('d1');
    decide('d2', { digest: sha('2') });
    assert.equal(driver.jobs().length, 1);
    assert.equal(payload().digest, sha('2'));
    assert.deepEqual([row()?.digest, row()?.decisionEventId], [sha('2'), 'd2']);
  });

  it('makes the late end of the older copy harmless', () => {
    for (const end of ['done', 'failed'] as const) {
      const { driver, decide, row, events } = start();
      decide('d1');
      const late = driver.jobs()[0]!;
      decide('d2', { digest: sha('2') });
      const { handle } = replicator(() => Promise.reject(new Error()), String, {
        timeoutMs: 1,
        concurrencyMax: 1,
        perTargetMax: 1,
        attemptsMax: 1,
      });
      const context = { get: () => row() as never, isMarked: () => false, keys: () => [], table: () => [] };
      const input = { job: late, atMs: nowMs };
      const step =
        end === 'done'
          ? handle({ ...input, kind: 'job-done', result }, context)
          : handle({ ...input, kind: 'job-failed', failure }, context);
      assert.deepEqual(step, { ignored: 'a newer decision has replaced this copy' });
      assert.deepEqual([row()?.digest, row()?.status, events()], [sha('2'), 'copying', []]);
    }
  });

  it('moves a copied tag back to an earlier digest', () => {
    const { driver, decide, row } = start();
    decide('d1');
    driver.finishJob(key, result);
    decide('d2', { digest: sha('2') });
    assert.deepEqual([row()?.status, row()?.copiedDigest], ['copying', sha('1')]);
    decide('d3');
    driver.finishJob(key, result);
    assert.deepEqual([row()?.status, row()?.copiedDigest, row()?.decisionEventId], ['copied', sha('1'), 'd3']);
  });
});

describe('a copy that fails', () => {
  it('is told with the reason; what was there before stays known', () => {
    const { driver, decide, row, events } = start();
    decide('d1');
    driver.finishJob(key, result);
    decide('d2', { digest: sha('2') });
    driver.failJob(key, failure, { atMs: nowMs + 9 });
    assert.equal(events()[1]?.type, 'ImageCopyFailed');
    const { code, reason, attempts, failedAtMs, digest } = events()[1]!.data as never;
    assert.deepEqual({ code, reason, attempts, failedAtMs, digest }, { ...failure, failedAtMs: nowMs + 9, digest: sha('2') });
    assert.deepEqual(
      [row()?.status, row()?.reason, row()?.copiedDigest],
      ['failed', 'REGISTRY_UNAVAILABLE: it is in trouble itself', sha('1')],
    );
  });

  it('is tried anew when it is decided anew', () => {
    const { driver, decide, row } = start();
    decide('d1');
    driver.failJob(key, failure);
    decide('d2');
    assert.deepEqual([driver.jobs().length, row()?.status, row()?.reason], [1, 'copying', null]);
  });
});

describe('an older decision that comes late or is fed back', () => {
  const older = { digest: sha('2'), evaluatedAtMs: nowMs - 1 };

  it('does not replace a newer copy, whether that waits, is made or has failed', () => {
    for (const end of ['waits', 'made', 'failed'] as const) {
      const { driver, decide, row } = start();
      decide('d1');
      if (end === 'made') driver.finishJob(key, result, { atMs: nowMs + 60_000 });
      if (end === 'failed') driver.failJob(key, failure);
      const before = [row(), driver.jobs()];
      decide('d0', older);
      assert.deepEqual([row(), driver.jobs()], before);
      assert.deepEqual(driver.ignored(), ['a newer decision is known']);
    }
  });

  it('is told from a newer one by when it was decided, not by when the copy ended', () => {
    const { driver, decide, row } = start();
    decide('d1');
    driver.finishJob(key, result, { atMs: nowMs + 60_000 });
    decide('d2', { digest: sha('2'), evaluatedAtMs: nowMs + 1 });
    assert.deepEqual([row()?.digest, row()?.status], [sha('2'), 'copying']);
  });

  it('of another tag that leads to the same target has a time of its own', () => {
    const { decide, row } = start();
    decide('d1');
    decide('d2', { ...older, tag: 'v2' });
    assert.equal(row()?.digest, sha('2'));
  });
});

describe('an allowed image that no longer goes to one of its targets', () => {
  const [b, c] = ['b', 'c'].map((registry) => targetAt(registry, 'team/app', 'v1')) as [Target, Target];
  const [bKey, cKey] = [key, 'c.test/team/app:v1'];
  const onlyC: Partial<ImageDecided> = { reason: 'ok; not to b: law', targets: [c], takenBack: [b], evaluatedAtMs: nowMs + 5 };

  it('is not copied there any more, and still to the others', () => {
    const { driver, decide, row, events } = start();
    decide('d1', { targets: [b, c] });
    decide('d2', onlyC);
    assert.deepEqual([driver.jobs().map(({ id }) => id), row(bKey)?.status, row(cKey)?.status], [[cKey], 'failed', 'copying']);
    const [event] = events() as readonly EventOf<'ImageCopyFailed'>[];
    assert.deepEqual([event?.data.code, event?.data.targetRegistry], ['COPY_WITHDRAWN', 'b.test']);
    assert.match(row(bKey)?.reason ?? '', /^no longer a target: ok; not to b: law$/);
  });

  it('is copied to new ones by the same decision', () => {
    const { driver, decide } = start();
    decide('d1', { targets: [b] });
    decide('d2', onlyC);
    assert.deepEqual(
      driver.jobs().map(({ id }) => id),
      [cKey],
    );
  });

  it('stays where it is there already', () => {
    const { driver, decide, row } = start();
    decide('d1', { targets: [b] });
    driver.finishJob(bKey, result);
    decide('d2', onlyC);
    assert.equal(row(bKey)?.status, 'copied');
  });

  it('keeps a target that is the same place under another name', () => {
    const { driver, decide } = start();
    decide('d1', { targets: [b] });
    decide('d2', { targets: [{ ...b, registry: 'b.test' }], takenBack: [b], evaluatedAtMs: nowMs + 5 });
    assert.deepEqual(
      driver.jobs().map(({ id }) => id),
      [bKey],
    );
  });
});

describe('a denied image', () => {
  const targets = [targetAt('b', 'team/app', 'v1')];
  const deny: Partial<ImageDecided> = { outcome: 'deny', reason: 'critical', targets, evaluatedAtMs: nowMs + 5 };

  it('that only waits for a new scan is copied after all once it is allowed again', () => {
    const { driver, decide, row } = start();
    decide('d1');
    decide('d2', { ...deny, outcome: 'held', reason: 'waits for a scan' });
    assert.deepEqual([driver.jobs(), row()?.status, row()?.reason], [[], 'failed', 'held again: waits for a scan']);
    decide('d3', { evaluatedAtMs: nowMs + 9 });
    assert.deepEqual([driver.jobs().length, row()?.status], [1, 'copying']);
  });

  it('whose copy still waits is not copied any more, and that is told', () => {
    const { driver, decide, row, events } = start();
    decide('d1');
    decide('d2', deny);
    assert.deepEqual([driver.jobs(), row()?.status, row()?.reason], [[], 'failed', 'denied: critical']);
    const [event] = events();
    assert.equal(event?.type, 'ImageCopyFailed');
    const { code, reason, decisionEventId, targetRegistry } = event.data as never;
    assert.deepEqual([code, reason, decisionEventId, targetRegistry], ['COPY_WITHDRAWN', 'denied: critical', 'd1', 'b.test']);
    decide('d1 fed back');
    assert.deepEqual([driver.jobs(), row()?.status], [[], 'failed']);
  });

  it('takes back each of its targets with an event of its own', () => {
    const { driver, decide, events } = start();
    const both = [...targets, targetAt('c', 'mirror/app', 'prod')];
    decide('d1', { targets: both });
    decide('d2', { ...deny, targets: both });
    assert.deepEqual([driver.jobs(), new Set(events().map(({ meta }) => meta.id)).size], [[], 2]);
  });

  it('stays where it is copied already', () => {
    const { driver, decide, row, events } = start();
    decide('d1');
    driver.finishJob(key, result);
    decide('d2', deny);
    assert.deepEqual([row()?.status, events().length, driver.ignored()], ['copied', 1, ['taken back: what is copied already stays']]);
  });

  it('leaves alone what goes to its targets from another tag, of another digest or by a newer decision', () => {
    for (const other of [{ tag: 'v2' }, { digest: sha('2') }, { evaluatedAtMs: nowMs + 6 }]) {
      const { driver, decide, row } = start();
      decide('d1', other);
      decide('d2', deny);
      assert.deepEqual([driver.jobs().length, row()?.status], [1, 'copying']);
    }
  });

  it('that was given up before is not tried anew by the decision that allowed it', () => {
    const { driver, decide, row } = start();
    decide('d1');
    driver.failJob(key, failure);
    decide('d2', deny);
    decide('d1 fed back');
    assert.deepEqual([driver.jobs(), row()?.reason], [[], 'denied: critical']);
  });

  it('can be allowed again', () => {
    const { driver, decide, row } = start();
    decide('d1');
    decide('d2', deny);
    decide('d3', { evaluatedAtMs: nowMs + 9 });
    assert.deepEqual([driver.jobs().length, row()?.status, row()?.reason], [1, 'copying', null]);
  });

  it('is not copied; what is copied already stays', () => {
    const { driver, decide, row } = start();
    decide('d1', { outcome: 'deny' });
    assert.deepEqual([driver.ignored(), driver.jobs(), row()], [['taken back: what is copied already stays'], [], undefined]);
  });
});
