import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { topics, type EventOf, type ImageDecided, type ReplicaState, type Target } from '@waybill/domain';
import { targetAt } from '@waybill/domain/testing';
import { topologyDriver } from '@waybill/stream/testing';
import type { CopyPayload, CopyResult } from './copy.ts';
import { replicator } from './topology.ts';

const nowMs = Date.UTC(2026, 0, 1);
const sha = (letter: string) => `sha256:${letter.repeat(64)}`;
const key = 'b.test/team/app:v1';
const result: CopyResult = {
  ...{ manifestsCopied: 3, blobsCopied: 4, blobsSkipped: 0, referrersCopied: 0, bytesCopied: 99, verified: true },
  ...{ startedAtMs: nowMs, finishedAtMs: nowMs + 7, copiedDigest: sha('1'), imageBytes: 1_099 },
};
const failure = { code: 'REGISTRY_UNAVAILABLE', reason: 'it is in trouble itself', attempts: 12 };

const start = () => {
  const hostOf = (name: string): string => ({ a: 'a.test', b: 'b.test', c: 'c.test' })[name] ?? name;
  const copy = () => Promise.reject(new Error('the driver runs no jobs'));
  const driver = topologyDriver(replicator(copy, hostOf, { timeoutMs: 1, concurrencyMax: 1, perTargetMax: 1, attemptsMax: 1 }));
  const decide = (id: string, data: Partial<ImageDecided> = {}) => {
    const decided: ImageDecided = {
      ...{
        registry: 'a.test',
        repository: 'team/app',
        tag: 'v1',
        digest: sha('1'),
        outcome: 'allow',
        policyId: 'p',
        policySetVersion: 's',
      },
      ...{ reason: 'because', trace: [], targets: [targetAt('b', 'team/app', 'v1')], scans: [] },
      ...{ code: '', occasion: 'push', retroactive: false, exceptionIds: [], takenBack: [], admission: null },
      ...{ inspectionEventId: null, sboms: null, signatures: null, inputsSha256: '' },
      ...{ registries: [], usage: null, pullsByRegion: null, cannotWait: false, tenant: null, sizeBytes: null },
      ...{ evaluatedAtMs: nowMs, pushEventId: 'push', ...data },
    };
    driver.pipe(topics.decisions, 'a.test/team/app', { type: 'ImageDecided', data: decided }, { id, correlationId: `push-of-${id}` });
  };
  const row = (at = key) => driver.row('replicas', at) as ReplicaState | undefined;
  const payload = () => JSON.parse(driver.jobs()[0]!.payload) as CopyPayload;
  return { driver, decide, row, payload, events: () => driver.emitted(topics.replications) };
};

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
