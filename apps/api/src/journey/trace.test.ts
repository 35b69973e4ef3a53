import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { topics, type ImageInspected } from '@waybill/domain';
import { targetAt } from '@waybill/domain/testing';
import { fakeLog, startMs, type FakeLog } from '../log.fixture.ts';
import { amd64, arm64, image, indexDigest, platform, pushOf, registry, repository, tag, wholeJourney, target } from '../push.fixture.ts';
import type { Journey } from './journey.ts';
import { findReference } from './reference.ts';
import { findJourney, findPushes, pushKeys } from './trace.ts';
import { shortDigest } from './words.ts';

const trace = (log: FakeLog, text = image): readonly Journey[] => {
  const reference = findReference(text);
  assert.ok(reference, text);
  return pushKeys(log.reader, reference)
    .flatMap((key) => findPushes(log.reader, key, 10))
    .flatMap((id) => findJourney(log.reader, id, { tag: reference.tag }) ?? []);
};
const statusOf = (log: FakeLog): readonly [status: string, final: boolean, text: string] => {
  const { outcome } = trace(log)[0]!;
  return [outcome.status, outcome.final, outcome.text];
};

describe('a journey', () => {
  it('goes from the webhook to the copy, in the order of the log, with times', async () => {
    const log = fakeLog();
    await wholeJourney(log);
    const [journey] = trace(log);
    assert.deepEqual(
      journey?.steps.map(({ kind, sincePreviousMs, sinceStartMs }) => [kind, sincePreviousMs, sinceStartMs]),
      [
        ['delivered', 0, 0],
        ['pushed', 5, 5],
        ['deduplicated', 25, 30],
        ['inspected', 20, 50],
        ['scanned', 150, 200],
        ['scanned', 0, 200],
        ['scan-reported', 10, 210],
        ['scan-reported', 0, 210],
        ['decided', 90, 300],
        ['copied', 100, 400],
      ],
    );
    assert.deepEqual([journey?.outcome.status, journey?.outcome.final, journey?.tookMs], ['copied', true, 400]);
    assert.deepEqual(
      journey?.steps.filter(({ kind }) => kind === 'scanned').map(({ text }) => text),
      ['linux/amd64 scanned by tiny: nothing found', 'linux/arm64 scanned by tiny: nothing found'],
    );
  });

  it('says who signed an image, what a signature proves, and why one does not count', async () => {
    const told = async (change: Partial<ImageInspected>) => {
      const log = fakeLog();
      const push = pushOf(log);
      await push.pushed();
      await push.inspected({ platforms: [], ...change });
      return trace(log)[0]?.steps[1]?.text;
    };
    const signature = { digest: arm64, verifiedAtMs: 1, key: null, issuer: null, subject: null };
    const byKey = { ...signature, key: amd64 };
    const signatures = [byKey, { ...signature, issuer: 'https://ci.test', subject: 'release' }];
    assert.equal(await told({ signatures }), `index, 3.0 MB, signed by ${shortDigest(amd64)} and release (https://ci.test)`);
    assert.equal(await told({ subjectSignatures: [byKey] }), `index, 3.0 MB, proves that its subject is signed by ${shortDigest(amd64)}`);
    const refusedSignatures = [{ digest: arm64, code: 'SIGNATURE_INVALID', reason: 'it is by none of the 2 keys' }];
    assert.equal(await told({ refusedSignatures }), 'index, 3.0 MB; 1 signature refused: it is by none of the 2 keys (SIGNATURE_INVALID)');
  });

  it('names a platform by its digest where the image names none', async () => {
    const log = fakeLog();
    const push = pushOf(log);
    await push.pushed();
    await push.inspected({ platforms: [platform(amd64, '', '')] });
    await push.scanned(amd64);
    assert.deepEqual(
      trace(log)[0]
        ?.steps.slice(1, 3)
        .map(({ text }) => text),
      ['index, 3.0 MB', 'sha256:bbbbbbbbbbbb scanned by tiny: nothing found'],
    );
  });

  it('is found by tag, by digest, by repository, and without its registry', async () => {
    const log = fakeLog();
    await wholeJourney(log);
    for (const text of [
      image,
      `${registry}/${repository}@${indexDigest}`,
      indexDigest,
      `${registry}/${repository}`,
      `${repository}:${tag}`,
      repository,
    ])
      assert.deepEqual(
        trace(log, text).map(({ correlationId }) => correlationId),
        ['push-1'],
        text,
      );
    assert.deepEqual(trace(log, `${repository}:other`), []);
  });

  it('shows the newest push of a tag first', async () => {
    const log = fakeLog();
    await wholeJourney(log, 'push-1');
    await wholeJourney(log, 'push-2', 60_000);
    assert.deepEqual(
      trace(log).map(({ correlationId }) => correlationId),
      ['push-2', 'push-1'],
    );
  });

  it('says where each event is chained', async () => {
    const log = fakeLog();
    await wholeJourney(log);
    const link = {
      seq: 7,
      previousHash: Buffer.alloc(32),
      hash: Buffer.alloc(32, 1),
      recordHash: Buffer.alloc(32),
      timestampMs: 0,
      eventId: null,
      eventType: null,
    };
    await log.event(topics.audit, 'AuditEntry', { ...link, topic: topics.decisions.name, partition: 0, offset: 0 }, { id: 'a' });
    const byKind = new Map(trace(log)[0]!.steps.map((step) => [step.kind, step.audit]));
    assert.deepEqual([byKind.get('decided'), byKind.get('copied')], [{ partition: 0, seq: 7 }, null]);
  });

  it('counts the deliveries of one push instead of repeating them', async () => {
    const log = fakeLog();
    const push = pushOf(log);
    for (let i = 0; i < 50; i++) await push.pushed();
    const [journey] = trace(log);
    assert.deepEqual(
      journey?.steps.map(({ kind, timesLogged }) => [kind, timesLogged]),
      [['pushed', 50]],
    );
    assert.match(journey.steps[0]!.text, /delivered 50 times/);
  });

  it('uses what was decided and copied for the same content before, and says so', async () => {
    const log = fakeLog();
    await wholeJourney(log, 'push-1');
    const again = pushOf(log, 'push-2', 60_000);
    await again.delivered();
    await again.pushed();
    await again.pushed(topics.images, 30);
    const [journey] = trace(log);
    assert.equal(journey?.correlationId, 'push-2');
    assert.equal(journey.outcome.status, 'copied');
    assert.deepEqual(
      journey.steps.filter(({ reused }) => reused).map(({ kind }) => kind),
      ['decided', 'copied'],
    );
    assert.equal(journey.tookMs, 30);
  });
});

describe('the outcome of a push', () => {
  it('names what comes next while the push is under way', async () => {
    const log = fakeLog();
    const push = pushOf(log);
    await push.pushed();
    assert.deepEqual(statusOf(log), ['under-way', false, 'in the log; dedup has not come to it']);
    await push.pushed(topics.images, 30);
    assert.deepEqual(statusOf(log), ['under-way', false, 'waits for its inspection']);
    await push.held(`scan of ${amd64}`, `scan of ${arm64}`);
    assert.deepEqual(statusOf(log), ['held', false, 'held: waits for scan of sha256:bbbbbbbbbbbb and scan of sha256:cccccccccccc']);
    await push.state({ reason: `the scan of ${amd64} is too old` });
    assert.equal(statusOf(log)[2], 'held: the scan of sha256:bbbbbbbbbbbb is too old');
    await push.held(`scan of ${amd64}`, `scan of ${arm64}`);
    assert.deepEqual(trace(log)[0]?.outcome.awaiting, [`scan of ${amd64}`, `scan of ${arm64}`]);
  });

  it('says why an image was denied, and what each policy said', async () => {
    const log = fakeLog();
    const push = pushOf(log);
    await push.pushed();
    await push.scanned(amd64, 2);
    await push.decided('deny', 'critical is above high');
    assert.deepEqual(statusOf(log), ['denied', true, 'denied: critical is above high']);
    const { outcome, steps } = trace(log)[0]!;
    assert.deepEqual(outcome.trace, [{ policyId: 'prod', matched: true, outcome: 'deny', reason: 'critical is above high' }]);
    assert.match(steps.find(({ kind }) => kind === 'scanned')!.text, /2 critical/);
    assert.ok(steps.find(({ kind }) => kind === 'decided')!.failed);
  });

  it('follows the newest decision, whatever their ids', async () => {
    for (const [first, second] of [
      ['a', 'b'],
      ['b', 'a'],
    ] as const) {
      const log = fakeLog();
      const push = pushOf(log);
      await push.pushed();
      await push.decided('deny', 'critical', first);
      await push.decided('allow', 'fixed', second);
      assert.equal(statusOf(log)[0], 'copying');
      await push.decided('deny', 'critical', `${first}2`);
      await push.withdrawn();
      await push.replica({ status: 'failed', reason: 'denied: critical', copiedDigest: null });
      assert.deepEqual(statusOf(log), ['denied', true, 'denied: critical']);
      assert.match(trace(log)[0]!.steps.at(-1)!.text, /^copy to .+ cancelled: denied: critical$/);
    }
  });

  it('says where a denied image is all the same', async () => {
    const log = fakeLog();
    await wholeJourney(log);
    await pushOf(log).decided('deny', 'critical', 'denied');
    assert.equal(statusOf(log)[2], `denied: critical; copied before, and still at ${target}`);
  });

  it('says that an image which was allowed waits again, and where it is all the same', async () => {
    const log = fakeLog();
    await wholeJourney(log);
    await pushOf(log).decided('held', 'waits for scan of x', 'held');
    assert.deepEqual(statusOf(log), ['held', false, `held again: waits for scan of x; copied before, and still at ${target}`]);
    assert.ok(trace(log)[0]!.steps.some(({ text }) => text.startsWith('held again: waits for scan of x')));
  });

  it('says what may run of an image whose copies are not decided yet', async () => {
    const log = fakeLog();
    const push = pushOf(log);
    for (const happens of [push.delivered, push.pushed, push.inspected]) await happens();
    const admission = {
      outcome: 'allow',
      code: '',
      policyId: 'admission/run',
      reason: 'is fine',
      isAboutRunning: false,
      retroactive: false,
    };
    await push.decided('held', 'waits for a signature', 'held', { targets: [], admission });
    assert.deepEqual(statusOf(log), ['held', false, 'held: waits for a signature']);
    assert.equal(trace(log)[0]!.steps.at(-1)!.text, 'held: waits for a signature; may run by admission/run: is fine');
  });

  it('does not wait for ever where a push came late or the tag was deleted', async () => {
    const late = fakeLog();
    await wholeJourney(late, 'push-1');
    await late.row(topics.decisionState, image, null);
    await pushOf(late, 'push-1').state({ digest: amd64 });
    const old = pushOf(late, 'push-2', 60_000);
    await old.pushed(topics.imageEvents, 5, startMs - 1);
    await old.pushed(topics.images, 30, startMs - 1);
    const [newest, older] = trace(late);
    assert.deepEqual([newest?.correlationId, older?.outcome.status], ['push-1', 'superseded']);

    const gone = fakeLog();
    const push = pushOf(gone);
    await push.pushed();
    await push.state({ status: 'deleted', digest: '' });
    assert.deepEqual(statusOf(gone), ['superseded', true, 'the tag was deleted']);
  });

  it('follows the copies: under way, given up, done', async () => {
    const log = fakeLog();
    const push = pushOf(log);
    await push.pushed();
    await push.decided('allow');
    assert.deepEqual(statusOf(log), ['copying', false, 'allowed; 1 of 1 copy under way']);
    await push.replica({ status: 'failed', reason: 'REGISTRY_DENIED: 403', copiedDigest: null });
    assert.deepEqual(statusOf(log), ['copy-failed', true, `not copied to ${target}: REGISTRY_DENIED: 403`]);
    await push.replica();
    assert.deepEqual(statusOf(log), ['copied', true, `copied to ${target}`]);
  });

  it('says which platforms are copied, how urgent that is, and under which digest they are there', async () => {
    const log = fakeLog();
    const push = pushOf(log);
    await push.pushed();
    const part = { platforms: ['linux/amd64'], priorityClass: 'critical' };
    await push.decided('allow', 'fine', 'decided', { targets: [targetAt('b', repository, tag, part)] });
    await push.copied({ platforms: ['linux/amd64'], copiedDigest: amd64 });
    await push.replica({ ...part, copiedDigest: amd64 });
    const steps = ['decided', 'copied'].map((wanted) => trace(log)[0]!.steps.find(({ kind }) => kind === wanted)?.text);
    assert.equal(steps[0], `allowed: fine → b/${repository}:${tag} (linux/amd64; critical)`);
    assert.match(steps[1] ?? '', /, read back and equal; linux\/amd64 alone, as sha256:b{12}$/);
    assert.deepEqual(statusOf(log), ['copied', true, `copied to ${target}`]);
    await push.decided('deny', 'critical', 'denied');
    assert.equal(statusOf(log)[2], `denied: critical; copied before, and still at ${target}`);
  });

  it('stays what it was when the tag and its copy have moved on', async () => {
    const log = fakeLog();
    await wholeJourney(log, 'push-1');
    const waiting = pushOf(log, 'push-2', 60_000);
    await waiting.pushed();
    await waiting.decided('allow');
    const next = pushOf(log, 'push-3', 120_000);
    await next.state({ digest: amd64 });
    await next.replica({ digest: amd64, copiedDigest: amd64 });
    const outcomes = ['push-1', 'push-2'].map((id) => findJourney(log.reader, id, { tag })!.outcome);
    assert.deepEqual(
      outcomes.map(({ status, final }) => [status, final]),
      [
        ['copied', true],
        ['superseded', true],
      ],
    );
  });

  it("does not take another digest's copy for its own", async () => {
    const log = fakeLog();
    const push = pushOf(log);
    await push.pushed();
    await push.decided('allow');
    await push.replica({ digest: amd64, copiedDigest: amd64 });
    assert.equal(statusOf(log)[0], 'copying');
  });

  it('shows slow work that is tried again', async () => {
    const log = fakeLog();
    await pushOf(log).pushed();
    const job = {
      id: 'j',
      kind: 'inspect',
      key: 'k',
      status: 'due',
      attempt: 2,
      priority: 0,
      notBeforeMs: 1,
      host: null,
      payload: '"secret"',
      causeId: 'c',
    };
    const data = { ...job, lastError: 'connection refused', correlationId: 'push-1', traceparent: null, createdAtMs: 0 };
    await log.row(topics.inspectorJobs, 'j', { type: 'Job', data });
    assert.deepEqual(
      trace(log)[0]?.jobs.map(({ text }) => text),
      ['inspector: inspect due, 2 tries, again at 00:00:00 UTC, last: connection refused'],
    );
    await log.row(topics.inspectorJobs, 'j', null);
    assert.deepEqual(trace(log)[0]?.jobs, []);
  });

  it('is superseded once the tag has moved on', async () => {
    const log = fakeLog();
    await pushOf(log, 'push-1').pushed();
    await pushOf(log, 'push-2', 60_000).state({ digest: amd64 });
    assert.deepEqual(statusOf(log), ['superseded', true, 'the tag has moved on to sha256:bbbbbbbbbbbb']);
  });
});

describe('a reference', () => {
  it('is read as people write it', () => {
    const none = { registry: null, repository: null, tag: null, digest: null };
    assert.deepEqual(findReference('demo/app:1.0'), { ...none, repository: 'demo/app', tag: '1.0' });
    assert.deepEqual(findReference('127.0.0.1:25001/demo/app'), { ...none, registry: '127.0.0.1:25001', repository: 'demo/app' });
    assert.deepEqual(findReference('localhost/app:a'), { ...none, registry: 'localhost', repository: 'app', tag: 'a' });
    assert.deepEqual(findReference(`ghcr.io/x/y:1@${amd64}`), { registry: 'ghcr.io', repository: 'x/y', tag: '1', digest: amd64 });
    assert.deepEqual(findReference(amd64), { ...none, digest: amd64 });
  });

  for (const text of ['', ':1', 'a b', 'A/b:1', 'app@sha256:12', `a@${amd64}@${amd64}`, 'host.io/', '../x', 'a:b:c', 'x'.repeat(300)])
    it(`refuses ${JSON.stringify(text.slice(0, 20))}`, () => assert.equal(findReference(text), undefined));
});
