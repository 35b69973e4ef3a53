import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { topics, type EventOf } from '@waybill/domain';
import { digestOf, hour, nowMs, prod, published, startPolicy, type Happening } from './testing.fixture.ts';

const [d1, d2, amd] = [digestOf('1'), digestOf('2'), digestOf('a')] as const;
const push: Happening = { push: 'p1', tags: ['v1'], digest: d1 };
const inspection: Happening = { inspected: d1, of: 'p1', tags: ['v1'], platforms: [amd] };
const scan: Happening = { scanned: amd, in: d1, worst: 'low' };
const all = [push, inspection, scan];
const expiryMs = nowMs + 24 * hour + 1;

const texts = (started: ReturnType<typeof startPolicy>): readonly string[] =>
  started.decisions().map(({ tag, outcome, occasion, retroactive }) => `${tag} ${outcome} ${occasion}${retroactive ? ' retroactive' : ''}`);

describe('an image that is allowed by a scan', () => {
  it('is taken back when the scan expires, with the targets that it was allowed for', () => {
    const started = startPolicy();
    started.when(...all);
    assert.equal(started.row('v1')?.reviewAtMs, expiryMs);
    started.passTo(expiryMs - 1);
    assert.deepEqual(texts(started), ['v1 allow evidence']);
    started.passTo(expiryMs);
    assert.deepEqual(texts(started), ['v1 allow evidence', 'v1 held time retroactive']);
    const [allowed, held] = started.decisions();
    assert.deepEqual([held?.targets, held?.takenBack], [allowed?.targets, allowed?.targets]);
    assert.deepEqual(started.driver.noted(), ['allow by evidence', 'held by time', 'taken back']);
    assert.equal(held?.evaluatedAtMs, expiryMs);
    assert.equal(started.row('v1')?.status, 'held');
    assert.deepEqual(started.driver.timers(), [], 'nothing more can change by itself');
  });

  it('stays allowed as long as it is scanned anew in time', () => {
    const started = startPolicy();
    started.when(...all);
    for (let at = nowMs + 20 * hour; at < nowMs + 100 * hour; at += 20 * hour) {
      started.passTo(at);
      started.when({ ...scan, scannedAt: at, at });
    }
    assert.deepEqual(texts(started), ['v1 allow evidence']);
    assert.equal(started.driver.timers().length, 1);
  });

  it('is allowed again by a scan that comes after it was taken back', () => {
    const started = startPolicy();
    started.when(...all);
    started.passTo(nowMs + 30 * hour);
    started.when({ ...scan, scannedAt: nowMs + 30 * hour, at: nowMs + 30 * hour });
    assert.deepEqual(texts(started), ['v1 allow evidence', 'v1 held time retroactive', 'v1 allow evidence']);
    assert.equal(started.driver.timers()[0]?.notBeforeMs, nowMs + 54 * hour + 1);
  });

  it('is taken back at the moment that was due, also where the clock of the log is behind', () => {
    const started = startPolicy();
    started.when(...all);
    started.driver.fire('a.test/demo/app:v1', { atMs: expiryMs });
    const [request] = started.driver.emitted(topics.reviewRequests) as readonly EventOf<'ReviewRequested'>[];
    const { type, data, meta } = request!;
    started.driver.pipe(topics.reviewRequests, 'a.test/demo/app', { type, data }, { id: meta.id, atMs: nowMs + hour });
    assert.deepEqual(texts(started), ['v1 allow evidence', 'v1 held time retroactive']);
  });

  it('is not taken back twice, however often that is asked for', () => {
    const started = startPolicy();
    started.when(...all);
    started.passTo(expiryMs);
    const [request] = started.driver.emitted(topics.reviewRequests) as readonly EventOf<'ReviewRequested'>[];
    for (const id of ['again', 'and again'])
      started.driver.pipe(
        topics.reviewRequests,
        'a.test/demo/app',
        { type: 'ReviewRequested', data: request!.data },
        { id, atMs: expiryMs },
      );
    assert.equal(started.decisions().length, 2);
  });

  it('is told about under the push that it is from, with the request as its cause', () => {
    const started = startPolicy();
    started.when(...all);
    started.passTo(expiryMs);
    const [request] = started.driver.emitted(topics.reviewRequests);
    const held = started.driver.emitted(topics.decisions).at(-1);
    assert.deepEqual([request?.meta.correlationId, held?.meta.correlationId], ['p1', 'p1']);
    assert.equal(held?.meta.causationId, request?.meta.id);
    assert.deepEqual(started.driver.keys(topics.reviewRequests), ['a.test/demo/app']);
  });
});

describe('the timer of a tag', () => {
  const moved: Happening = { push: 'p2', tags: ['v1'], digest: d2 };

  for (const [what, ...happenings] of [
    ['moves on', moved],
    ['waits for the digest of a newer push', { push: 'p2', tags: ['v1'], digest: null }],
    ['is deleted', { deleted: ['v1'] }],
  ] as const satisfies readonly (readonly [string, ...Happening[]])[])
    it(`is gone when the tag ${what}`, () => {
      const started = startPolicy();
      started.when(...all, ...happenings);
      assert.deepEqual(
        started.driver.timers().filter(({ kind }) => kind === 'review'),
        [],
      );
      assert.equal(started.row('v1')?.reviewAtMs, null);
    });

  it('asks for nothing where the request comes after the tag has moved on', () => {
    const started = startPolicy();
    started.when(...all);
    started.driver.fire('a.test/demo/app:v1', { atMs: expiryMs });
    const [request] = started.driver.emitted(topics.reviewRequests) as readonly EventOf<'ReviewRequested'>[];
    started.when(moved);
    started.driver.pipe(topics.reviewRequests, 'a.test/demo/app', { type: 'ReviewRequested', data: request!.data }, { atMs: expiryMs });
    assert.deepEqual(texts(started), ['v1 allow evidence']);
    assert.equal(started.driver.ignored().at(-1), 'the tag has moved on');
  });

  it('is one per tag of a digest', () => {
    const started = startPolicy();
    started.when({ ...push, tags: ['v1', 'v2'] }, inspection, scan);
    assert.deepEqual(
      started.driver.timers().flatMap(({ kind, id }) => (kind === 'review' ? [id] : [])),
      ['a.test/demo/app:v1', 'a.test/demo/app:v2'],
    );
    started.passTo(expiryMs);
    assert.deepEqual(texts(started).slice(2).toSorted(), ['v1 held time retroactive', 'v2 held time retroactive']);
  });
});

describe('what may run', () => {
  const admission = (spec: string): ReturnType<typeof published> =>
    published('admission/run', `apiVersion: waybill/v1\nkind: AdmissionPolicy\nmetadata: { name: run }\nspec: { match: {}, ${spec} }`);
  const scanned = 'require: { scan: { withinHours: 1, worstSeverity: medium } }';

  it('is said in each decision, and null where no policy speaks of it', () => {
    const without = startPolicy();
    without.when(...all);
    assert.equal(without.decisions()[0]?.admission, null);
    const started = startPolicy({ prod: published('prod', prod), 'admission/run': admission(scanned) });
    started.when(...all);
    const { outcome, policyId, isAboutRunning, retroactive } = started.decisions()[0]!.admission!;
    assert.deepEqual([outcome, policyId, isAboutRunning, retroactive], ['allow', 'admission/run', false, false]);
  });

  it('is told while copies still wait for what nobody knows, once', () => {
    const waiting = prod.replace('require: {', "require: { signedBy: [{ issuer: i, subject: '*' }],");
    const started = startPolicy({ prod: published('prod', waiting), 'admission/run': admission(scanned) });
    started.when(push, inspection);
    assert.deepEqual(started.decisions(), []);
    started.when(scan, { ...scan, scannedAt: nowMs + 1 });
    const [decision, ...more] = started.decisions();
    assert.deepEqual([decision?.outcome, decision?.retroactive, decision?.targets, more], ['held', false, [], []]);
    assert.deepEqual([decision?.admission?.outcome, decision?.admission?.retroactive], ['allow', false]);
    assert.equal(started.row('v1')?.status, 'held');
  });

  it('is told where no policy speaks of copies at all', () => {
    const started = startPolicy({ 'admission/run': admission(scanned) });
    started.when(...all);
    assert.deepEqual(started.decisions().at(-1)?.admission?.outcome, 'allow');
  });

  it('is taken back by time as well, without a change of where it may go', () => {
    const started = startPolicy({ prod: published('prod', prod), 'admission/run': admission(`enforce: running, ${scanned}`) });
    started.when(...all);
    started.passTo(nowMs + hour + 1);
    const decision = started.decisions().at(-1)!;
    assert.deepEqual([decision.outcome, decision.retroactive, decision.takenBack], ['allow', false, []]);
    const { outcome, isAboutRunning, retroactive } = decision.admission!;
    assert.deepEqual([outcome, isAboutRunning, retroactive], ['held', true, true]);
    started.passTo(nowMs + 2 * hour);
    assert.equal(started.decisions().length, 2);
  });
});
