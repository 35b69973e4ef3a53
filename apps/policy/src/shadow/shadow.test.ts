import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { parseKeyRing, seal } from '@waybill/policy-engine';
import { topics, type DecisionDiffered, type EventOf, type TypedRecord } from '@waybill/domain';
import { digestOf, hour, nowMs, prod, published, startPolicy, type Happening, type PolicyTable } from '../testing.fixture.ts';
import { createPolicy } from '../topology.ts';

const [d1, d2, amd] = [digestOf('1'), digestOf('2'), digestOf('a')] as const;
const all = (tags: readonly string[]): readonly Happening[] => [
  { push: 'p1', tags, digest: d1 },
  { inspected: d1, of: 'p1', tags, platforms: [amd] },
  { scanned: amd, in: d1, worst: 'low' },
];
const written = (name: string, spec: string): string =>
  `apiVersion: waybill/v1\nkind: ReplicationPolicy\nmetadata: { name: ${name} }\nspec: { ${spec} }`;
const frozen = (tag: string): string => written('frozen', `priority: 9, match: { tags: ['${tag}'] }, effect: deny, reason: frozen`);
const inForce = { prod: published('prod', prod) };

/** A candidate in the log: documents by policy id, null for one that it retires. */
function candidate(shadowId: string, documents: Readonly<Record<string, string | null>>, publishedAtMs = nowMs): PolicyTable {
  const changesCount = Object.keys(documents).length;
  const about = { candidate: 'next', shadowId, changesCount, author: 'test', reason: '', publishedAtMs };
  return Object.fromEntries(
    Object.entries(documents).map(([policyId, document]): [string, TypedRecord] => [
      `candidate/next/${policyId}`,
      { type: 'CandidatePublished', data: { ...about, policyId, document, documentSha256: document === null ? null : 'x' } },
    ]),
  );
}

type Started = ReturnType<typeof startPolicy>;
const change = (started: Started, policies: PolicyTable, atMs = nowMs): void => {
  started.publish(policies, atMs);
  started.passTo(atMs);
};
const told = ({ driver }: Started) => driver.emitted(topics.differences);
const differences = (started: Started): readonly DecisionDiffered[] =>
  (told(started) as readonly EventOf<'DecisionDiffered'>[]).flatMap(({ type, data }) => (type === 'DecisionDiffered' ? [data] : []));
const texts = (started: Started): readonly string[] =>
  told(started).flatMap(({ type, data }) => {
    if (type === 'DecisionDiffered') return [`${data.tag} ${data.active.outcome} -> ${data.shadow.outcome}`];
    return type === 'DecisionAgreed' ? [`${data.tag} agrees`] : [];
  });
/** All that whoever acts on decisions sees, and the rows; ids of events follow from how many there were. */
const active = (started: Started) => ({
  decisions: started.decisions().map((decided) => ({ ...decided, inspectionEventId: '' })),
  rows: ['v1', 'v2'].map((tag) => ({
    ...started.row(tag),
    decisionEventId: '',
    pushEventId: '',
    correlationId: '',
    toldDifference: '',
    reviewAtMs: 0,
  })),
});

describe('a candidate', () => {
  it('decides live pushes beside the policies in force, and only differences are told', () => {
    const started = startPolicy({ ...inForce, ...candidate('s1', { frozen: frozen('v1') }) });
    started.when(...all(['v1', 'v2']));
    assert.deepEqual(texts(started), ['v1 held -> deny', 'v1 allow -> deny']);
    const [, { active: by, shadow, ...difference }] = differences(started) as [DecisionDiffered, DecisionDiffered];
    assert.deepEqual([by.policyId, by.targets.map(({ registry }) => registry)], ['prod', ['b']]);
    assert.deepEqual([shadow.code, shadow.policyId, shadow.reason, shadow.targets], ['DENIED_BY_POLICY', 'frozen', 'frozen', []]);
    assert.deepEqual([difference.candidate, difference.shadowId, difference.digest], ['next', 's1', d1]);
    const decided = started.decisions().find(({ tag }) => tag === 'v1')!;
    assert.deepEqual([difference.inputsSha256, difference.evaluatedAtMs], [decided.inputsSha256, decided.evaluatedAtMs]);
    assert.equal(difference.policySetVersion, decided.policySetVersion);
    assert.notEqual(difference.candidateSetVersion, decided.policySetVersion);
    assert.equal(difference.decisionEventId, started.row('v1')?.decisionEventId, 'also where it was told by the same input');
  });

  it('changes nothing of what is in force', () => {
    const happenings = [...all(['v1', 'v2']), { push: 'p2', tags: ['v1'], digest: d2 }, { deleted: ['v2'] }];
    const [with_, without] = [{ ...inForce, ...candidate('s1', { frozen: frozen('*'), prod: null }) }, inForce].map((policies) => {
      const started = startPolicy(policies);
      started.when(...happenings);
      started.passTo(nowMs + 30 * hour);
      return started;
    });
    assert.ok(texts(with_!).length > 0);
    assert.deepEqual(active(with_!), active(without!));
  });

  it('is silent where it comes to the same by another policy', () => {
    const same = written(
      'same',
      "priority: 9, match: { tags: ['v1'] }, replicate: [{ registry: b }], require: { scan: { withinHours: 24, worstSeverity: high } }",
    );
    const started = startPolicy({ ...inForce, ...candidate('s1', { same }) });
    started.when(...all(['v1', 'v2']));
    assert.deepEqual(texts(started), []);
  });

  it('differs where it names other targets, and in what may run', () => {
    const admission = 'apiVersion: waybill/v1\nkind: AdmissionPolicy\nmetadata: { name: run }\nspec: { match: {}, effect: deny }';
    const elsewhere = written('prod', 'match: {}, replicate: [{ registry: c }]');
    for (const [policyId, document] of Object.entries({ prod: elsewhere, 'admission/run': admission })) {
      const started = startPolicy({ ...inForce, ...candidate('s1', { [policyId]: document }) });
      started.when(...all(['v1']));
      const last = differences(started).at(-1);
      assert.deepEqual([last?.active.outcome, last?.shadow.outcome], ['allow', 'allow'], policyId);
      assert.deepEqual([last?.active.admission, last?.shadow.admission?.outcome], [null, policyId === 'prod' ? undefined : 'deny']);
    }
  });

  it('that retires a policy decides without it', () => {
    const started = startPolicy({ ...inForce, frozen: published('frozen', frozen('v1')), ...candidate('s1', { frozen: null }) });
    started.when(...all(['v1']));
    assert.equal(texts(started).at(-1), 'v1 deny -> allow');
  });
});

const compared = (started: Started) =>
  (told(started) as readonly EventOf<'CandidateCompared'>[]).flatMap(({ type, data }) => (type === 'CandidateCompared' ? [data] : []));

describe('a difference is told', () => {
  it('once, whatever comes again', () => {
    const started = startPolicy({ ...inForce, ...candidate('s1', { frozen: frozen('v1') }) });
    started.when(...all(['v1']), ...all(['v1']));
    started.driver.tellOf('policies', { atMs: nowMs });
    started.passTo(nowMs);
    assert.deepEqual(texts(started), ['v1 held -> deny', 'v1 allow -> deny']);
  });

  it('again for another digest, and taken back when it agrees', () => {
    const strict = prod.replace('worstSeverity: high', 'worstSeverity: low');
    const started = startPolicy({ ...inForce, ...candidate('s1', { prod: strict }) });
    started.when(...all(['v1']), { scanned: amd, in: d1, worst: 'medium' });
    started.when({ push: 'p2', tags: ['v1'], digest: d2 });
    assert.deepEqual(texts(started), ['v1 allow -> deny', 'v1 agrees']);
    const agreed = told(started).at(-1) as EventOf<'DecisionAgreed'>;
    assert.deepEqual([agreed.data.digest, agreed.data.candidate, agreed.data.shadowId], [d2, 'next', 's1']);
  });

  it('again for another digest of which the same differs', () => {
    const started = startPolicy({ ...inForce, ...candidate('s1', { frozen: frozen('v1') }) });
    started.when({ push: 'p1', tags: ['v1'], digest: d1 }, { push: 'p2', tags: ['v1'], digest: d2 });
    assert.deepEqual(
      differences(started).map(({ digest }) => digest),
      [d1, d2],
    );
  });

  it('to be over when its tag is deleted, or its manifest cannot be read', () => {
    const started = startPolicy({ ...inForce, ...candidate('s1', { frozen: frozen('*') }) });
    started.when(...all(['v1', 'v2']), { deleted: ['v1'] }, { push: 'p2', tags: ['v2'], digest: null });
    assert.equal(texts(started).at(-1), 'v1 agrees');
    started.when({ inspectionFailed: null, of: 'p2', tags: ['v2'] });
    assert.equal(texts(started).at(-1), 'v2 agrees');
  });

  it('of what is decided already, when the candidate starts, in bounded steps and also after a restart', () => {
    const small = () => createPolicy({ keysMax: 7, decidedMax: 3, versionsMax: 4 });
    const tags = Array.from({ length: 25 }, (_, index) => `v${index + 10}`);
    const started = startPolicy(inForce, small());
    started.when(...all(tags));
    started.passTo(nowMs);
    started.publish({ ...inForce, ...candidate('s1', { frozen: frozen('v1*') }) });
    for (let steps = 0; started.driver.timers().some(({ id }) => id === 'shadow/0'); steps++) {
      const before = started.requests().length;
      started.driver.fire('shadow/0');
      assert.ok(started.requests().length - before <= 3);
      if (steps === 2) started.driver.deploy(small());
      assert.ok(steps < 100);
    }
    assert.equal(compared(started).length, 1);
    started.readRequests();
    assert.deepEqual(
      texts(started),
      tags.filter((tag) => tag.startsWith('v1')).map((tag) => `${tag} allow -> deny`),
    );
    started.driver.deploy(small());
    change(started, { ...inForce, ...candidate('s1', { frozen: frozen('v1*') }) });
    assert.equal(texts(started).length, 10, 'a restart tells none twice');
  });

  it('when time alone makes one', () => {
    const started = startPolicy({ ...inForce, ...candidate('s1', { prod: prod.replace('withinHours: 24', 'withinHours: 2') }) });
    started.when(...all(['v1']));
    assert.deepEqual(texts(started), []);
    started.passTo(nowMs + 3 * hour);
    assert.deepEqual(texts(started), ['v1 allow -> held']);
    assert.equal(started.decisions().length, 1, 'to whoever acts on decisions nothing is told');
    started.passTo(nowMs + 25 * hour);
    assert.deepEqual(texts(started), ['v1 allow -> held', 'v1 agrees']);
    assert.equal(started.decisions().at(-1)?.outcome, 'held');
  });

  it('to be over when the candidate is put into force, and anew by another start', () => {
    const next = candidate('s1', { frozen: frozen('v1') });
    const started = startPolicy({ ...inForce, ...next });
    started.when(...all(['v1']));
    change(started, { ...inForce, frozen: published('frozen', frozen('v1')), ...next });
    assert.deepEqual(texts(started), ['v1 held -> deny', 'v1 allow -> deny', 'v1 agrees']);
    change(started, inForce, nowMs + 1);
    change(started, { ...inForce, ...candidate('s2', { frozen: frozen('v1') }) }, nowMs + 2);
    assert.deepEqual(texts(started).slice(3), ['v1 allow -> deny']);
    assert.equal(differences(started).at(-1)?.shadowId, 's2');
    change(started, { ...inForce, ...candidate('s3', { frozen: frozen('v2') }) }, nowMs + 3);
    started.when({ push: 'p2', tags: ['v1'], digest: d1, at: nowMs + 4 });
    assert.equal(texts(started).length, 4, 'nothing was told of the third that could be over');
  });

  it('when the policies in force change under the candidate', () => {
    const next = candidate('s1', { frozen: frozen('v1') });
    const started = startPolicy({ ...inForce, ...next });
    started.when(...all(['v1']));
    change(started, { ...next });
    assert.deepEqual(texts(started).slice(2), ['v1 agrees'], 'both deny it now');
    change(started, { ...inForce, ...next }, nowMs + 1);
    assert.deepEqual(texts(started).slice(3), ['v1 allow -> deny']);
    change(started, { ...inForce, frozen: published('frozen', frozen('v2')), ...next }, nowMs + 2);
    assert.deepEqual(texts(started).slice(4), [], 'what the candidate says of a policy goes before what is in force of it');
  });

  it('when a registry fails that the candidate alone would choose', () => {
    const place = (name: string, role: string) =>
      published(
        `registry/${name}`,
        `apiVersion: waybill/v1\nkind: Registry\nmetadata: { name: ${name} }\nspec: { host: ${name}.test, jurisdiction: EU, ` +
          `role: ${role} }`,
      );
    const places = { 'registry/near': place('near', 'primary'), 'registry/far': place('far', 'secondary') };
    const prodIs = (target: string): string => written('prod', `match: {}, replicate: [{ ${target} }]`);
    const chosen = prodIs('select: { jurisdictions: [EU] }, copies: 1');
    const started = startPolicy({ ...places, prod: published('prod', prodIs('registry: far')), ...candidate('s1', { prod: chosen }) });
    started.when(...all(['v1']));
    const targets = () => differences(started).map(({ shadow }) => shadow.targets.map(({ registry }) => registry).join());
    assert.deepEqual(targets(), ['near']);
    started.passTo(nowMs);
    started.driver.table('health', {
      near: { type: 'RegistryHealthChanged', data: { registry: 'near', isHealthy: false, reason: 'gone', changedAtMs: nowMs } },
    });
    started.driver.tellOf('health', { atMs: nowMs });
    started.passTo(nowMs);
    assert.equal(texts(started).at(-1), 'v1 agrees');
  });

  it('of a part of the tags at a time, the next as soon as those asked for are decided', () => {
    const small = createPolicy({ keysMax: 7, decidedMax: 3, versionsMax: 4 });
    const started = startPolicy(inForce, small);
    started.when(...all(['v1', 'v2', 'v3', 'v4', 'v5']));
    started.passTo(nowMs);
    started.publish({ ...inForce, ...candidate('s1', { frozen: frozen('*') }) });
    started.driver.fire('shadow/0', { atMs: nowMs });
    const next = () => started.driver.timers().find(({ id }) => id === 'shadow/0')?.notBeforeMs;
    assert.ok(next()! > nowMs);
    started.readRequests();
    assert.ok(next()! <= nowMs);
  });

  it('in numbers, too', () => {
    const started = startPolicy({ ...inForce, ...candidate('s1', { frozen: frozen('v1') }) });
    started.when(...all(['v1']), { deleted: ['v1'] });
    assert.deepEqual(
      started.driver.noted().filter((what) => what.startsWith('candidate')),
      ['candidate differs', 'candidate differs otherwise', 'candidate agrees'],
    );
  });
});

describe('what is wrong with a candidate stops nothing:', () => {
  const attacks: Readonly<Record<string, { readonly next: PolicyTable; readonly fault: RegExp }>> = {
    'no YAML': { next: candidate('s1', { frozen: '{' }), fault: /^policy frozen is not valid: is no valid YAML$/ },
    'another name': { next: candidate('s1', { other: frozen('*') }), fault: /is published as other/ },
    'a document that is no policy': { next: candidate('s1', { frozen: 'kind: Nothing' }), fault: /^policy frozen is not valid/ },
    'more than there may be': {
      next: candidate('s1', Object.fromEntries(Array.from({ length: 1_001 }, (_, index) => [`p${index}`, null]))),
      fault: /^it changes 1001 policies, over the limit of 1000$/,
    },
    'a confidential policy without its key': {
      next: candidate('s1', {
        quiet: seal('hush', 'quiet', parseKeyRing(`k1 ${Buffer.alloc(32, 7).toString('base64')}`), (count) => Buffer.alloc(count, 1)),
      }),
      fault: /^policy quiet is confidential, and it is sealed with key k1, and no key is there$/,
    },
  };
  for (const [name, { next, fault }] of Object.entries(attacks))
    it(name, () => {
      const started = startPolicy(inForce);
      started.publish({ ...inForce, ...next });
      started.when(...all(['v1']));
      started.passTo(nowMs);
      assert.deepEqual(started.decisions().map(({ outcome }) => outcome), ['allow']); // prettier-ignore
      assert.deepEqual(texts(started), []);
      assert.deepEqual([compared(started).length, compared(started)[0]?.candidateSetVersion], [1, '']);
      assert.match(compared(started)[0]!.fault, fault);
      assert.ok(started.driver.noted().includes('candidate unusable'));
    });

  it('half of it is there', () => {
    const whole = candidate('s1', { frozen: frozen('*'), prod: null });
    const { 'candidate/next/frozen': half } = whole;
    const started = startPolicy({ ...inForce, 'candidate/next/frozen': half! });
    started.when(...all(['v1']));
    started.passTo(nowMs);
    assert.deepEqual(told(started), []);
    change(started, { ...inForce, ...whole });
    assert.deepEqual(texts(started), ['v1 allow -> deny']);
  });

  it('another one is there, too: the newest counts', () => {
    const older = { 'candidate/old/frozen': candidate('s0', { frozen: frozen('*') }, nowMs - 1)['candidate/next/frozen']! };
    const started = startPolicy({ ...inForce, ...older, ...candidate('s1', { frozen: frozen('v2') }) });
    started.when(...all(['v1']));
    assert.deepEqual(texts(started), []);
  });
});
