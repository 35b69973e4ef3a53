import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { topics, type TypedRecord } from '@waybill/domain';
import { parseKeyRing } from '@waybill/policy-engine';
import { jsonCodec } from '@waybill/stream/testing';
import { fakeConsole } from '../console.fixture.ts';
import { CliError } from '../exit.ts';
import { folderOf, policy, startLog } from '../policy/policies.fixture.ts';
import { readPolicyLog, readPublished } from '../policy/policy-log.ts';
import { findShadow } from '../policy/shadow.ts';
import { createVault } from '../policy/vault.ts';
import { reportShadow, showShadow, startShadow, stopShadow, type ShadowReportOptions, type ShadowStartOptions } from './policy-shadow.ts';

type Started = ReturnType<typeof startLog>;
const who = { output: 'table', author: 'ann', reason: 'to see' } as const;

async function start(
  { log }: Started,
  files: Readonly<Record<string, string>>,
  options: Partial<ShadowStartOptions> = {},
): Promise<{ readonly out: string; readonly err: string }> {
  const said = fakeConsole();
  const source = { folder: folderOf(files), registriesPath: undefined, env: {}, retireMissing: false, vault: createVault(undefined) };
  await startShadow({ ...who, ...source, candidate: 'next', ...options }, log, jsonCodec, said.console);
  return { out: said.out(), err: said.err() };
}
const running = async ({ log }: Started) => findShadow(await readPublished(log, jsonCodec));
const isRefused =
  (message: RegExp) =>
  (error: unknown): boolean =>
    error instanceof CliError && error.exitCode === 1 && message.test(error.message);

const targets = [{ registry: 'b', repository: 'demo/app', tag: 'v1', platforms: [], priorityClass: 'normal' }];
const allow = { outcome: 'allow', code: 'X', policyId: 'web', reason: 'fits', targets, admission: null };
const deny = { outcome: 'deny', code: 'X', policyId: 'frozen', reason: 'frozen for the holidays', targets: [], admission: null };

/** What `apps/policy` says of a tag: a difference, that there is none any more, or that all has been compared. */
function tell(started: Started, shadowId: string, tag: string, what: 'agrees' | object, evaluatedAtMs = 1_000): void {
  const image = { registry: 'a.test', repository: 'demo/app', tag, digest: 'd' };
  const common = { ...image, candidate: 'next', shadowId, evaluatedAtMs };
  const inputs = {
    ...{ scans: [], inspectionEventId: null, sboms: null, signatures: null, registries: [], usage: null, pullsByRegion: null },
    ...{ cannotWait: false, inputsSha256: 'i', decisionEventId: null, pushEventId: 'p' },
  };
  const versions = { ...inputs, policySetVersion: 'a', candidateSetVersion: 'b' };
  const event: TypedRecord =
    what === 'agrees'
      ? { type: 'DecisionAgreed', data: { ...common, reason: 'both decide it alike' } }
      : { type: 'DecisionDiffered', data: { ...common, ...versions, active: allow, shadow: deny, ...what } };
  const meta = {
    id: `${tag} ${evaluatedAtMs}`,
    source: '/test',
    timeMs: evaluatedAtMs,
    subject: tag,
    correlationId: 'p',
    causationId: null,
  };
  started.append(topics.differences, 'a.test/demo/app', { ...event, meta: { ...meta, traceparent: null } });
}

function tellCompared(started: Started, shadowId: string, fault = ''): void {
  const data = { candidate: 'next', shadowId, partition: 0, candidateSetVersion: 'b', fault, comparedAtMs: 1 };
  const meta = { id: 'c', source: '/test', timeMs: 1, subject: 's', correlationId: 'c', causationId: null, traceparent: null };
  started.append(topics.differences, 'shadow/0', { type: 'CandidateCompared', data, meta });
}

async function report({ log }: Started, options: Partial<ShadowReportOptions> = {}, columns = 100): Promise<string> {
  const said = fakeConsole(columns);
  await reportShadow(
    { output: 'table', sinceMs: undefined, limit: 20, vault: createVault(undefined), ...options },
    log,
    jsonCodec,
    said.console,
  );
  return said.out() + said.err();
}

describe('policy shadow start', () => {
  it('publishes what applying the folder would change, beside what is in force and without a change of it', async () => {
    const started = startLog();
    await started.apply({ web: policy('web', 24), old: policy('old', 1) });
    const before = await readPolicyLog(started.log, jsonCodec);
    const { out } = await start(started, { web: policy('web', 12), new: policy('new', 1) }, { retireMissing: true });
    assert.match(out, /^added new\nretired old\nchanged web\n/);
    assert.match(out, /next runs beside the policies in force; `waybill policy shadow report` says where it decides otherwise$/);
    assert.deepEqual(await readPolicyLog(started.log, jsonCodec), before);
    const shadow = await running(started);
    assert.deepEqual([shadow?.candidate, shadow?.author, shadow?.reason], ['next', 'ann', 'to see']);
    assert.deepEqual(
      shadow?.changes.map(({ data: { policyId, document, changesCount } }) => [
        policyId,
        document?.includes('withinHours') ?? null,
        changesCount,
      ]),
      [['new', true, 3], ['old', null, 3], ['web', true, 3]], // prettier-ignore
    );
    assert.equal(new Set(shadow?.changes.map(({ data }) => data.shadowId)).size, 1);
  });

  it('refuses what apply refuses, with the same words, and where nothing would change', async () => {
    const started = startLog();
    await started.apply({ web: policy('web', 24) });
    await assert.rejects(
      start(started, { web: 'kind: Nothing' }),
      isRefused(/^policies are not valid, none was published:\n.*web\.yaml:1:7/),
    );
    await assert.rejects(start(started, { web: policy('web', 24) }), isRefused(/^there is nothing to compare/));
    assert.equal(await running(started), undefined);
  });

  it('takes the place of a candidate of its name, whole, and of no other', async () => {
    const started = startLog();
    await start(started, { web: policy('web', 12), old: policy('old', 1) });
    const first = await running(started);
    await assert.rejects(
      start(started, { web: policy('web', 6) }, { candidate: 'mine' }),
      isRefused(/^another candidate runs: next, of ann, since /),
    );
    await start(started, { web: policy('web', 6) });
    const second = await running(started);
    assert.notEqual(second?.shadowId, first?.shadowId);
    assert.deepEqual(
      second?.changes.map(({ data }) => data.policyId),
      ['web'],
    );
  });

  it('at the same time as another leaves one of them, whole', async () => {
    const started = startLog();
    await started.apply({ web: policy('web', 24) });
    await Promise.allSettled([start(started, { web: policy('web', 6) }), start(started, { web: policy('web', 12) })]);
    const shadow = await running(started);
    assert.equal(shadow?.changes.length, 1);
  });

  it('seals what is sensitive', async () => {
    const started = startLog();
    const vault = createVault(parseKeyRing(`k1 ${Buffer.alloc(32, 7).toString('base64')}`));
    const secret = policy('web', 12, 'hush-customer/**').replace('{ name: web }', '{ name: web, sensitive: true }');
    await start(started, { web: secret }, { vault });
    const bytes = started.memory.records.get(topics.policies.name)!.map(({ value }) => value?.toString() ?? '');
    assert.ok(bytes.every((text) => !text.includes('hush')));
    assert.match((await running(started))!.changes[0]!.data.document!, /^\{"sealed":/);
    await started.apply({ web: secret }, { vault });
    const status = async (withVault: typeof vault): Promise<string> => {
      const said = fakeConsole();
      await showShadow({ output: 'table', vault: withVault }, started.log, jsonCodec, said.console);
      return said.out();
    };
    assert.match(await status(vault), /nothing any more, it is in force so: web/, 'though it is sealed anew');
    assert.match(await status(createVault(undefined)), / {2}changes web/, 'nobody can tell without the key');
  });
});

describe('policy shadow report', () => {
  async function startedShadow() {
    const started = startLog();
    await started.apply({ web: policy('web', 24) });
    await start(started, { frozen: policy('frozen', 1) });
    return { started, shadowId: (await running(started))!.shadowId };
  }

  it('counts what differs now, by kind, and shows some of each in turn', async () => {
    const { started, shadowId } = await startedShadow();
    const elsewhere = { shadow: { ...allow, targets: [{ ...targets[0]!, registry: 'c' }] } };
    for (const tag of ['v1', 'v2', 'v3', 'v4']) tell(started, shadowId, tag, {});
    tell(started, shadowId, 'v5', elsewhere);
    tell(started, shadowId, 'v6', {
      shadow: { ...allow, admission: { outcome: 'deny', code: 'X', policyId: 'admission/run', reason: 'not here' } },
    });
    tell(started, shadowId, 'v4', 'agrees', 2_000);
    tell(started, 'another shadow', 'v7', {});
    tellCompared(started, shadowId);
    const lines = (await report(started, { limit: 3 })).split('\n');
    assert.match(lines[0]!, /^next since \d{4}-\d\d-\d\d \d\d:\d\d:\d\d, by ann: to see$/);
    assert.deepEqual(lines.slice(1), [
      '5 tags decided otherwise: 3 allow -> deny, 1 to other targets, 1 may run: nobody says -> deny',
      'IMAGE               CHANGE                        BY             WHY',
      'a.test/demo/app:v1  allow -> deny                 frozen         frozen for the holidays',
      'a.test/demo/app:v5  to other targets              web            fits: to c/demo/app:v1',
      'a.test/demo/app:v6  may run: nobody says -> deny  admission/run  not here',
      'and 2 more; --limit shows more',
    ]);
    assert.ok(lines.every(({ length }) => length <= 100));
  });

  it('of what was told since a time, as JSON', async () => {
    const { started, shadowId } = await startedShadow();
    tell(started, shadowId, 'v1', {}, 1_000);
    tell(started, shadowId, 'v2', {}, 3_000);
    const json = JSON.parse(await report(started, { output: 'json', sinceMs: 2_000 })) as Readonly<Record<string, unknown>>;
    const { examples, changedCount, counts, comparedPartitions, partitions, candidate } = json;
    assert.deepEqual(
      [changedCount, counts, comparedPartitions, partitions, candidate],
      [1, [{ kind: 'allow -> deny', count: 1 }], 0, 1, 'next'],
    );
    const before = { outcome: 'allow', code: 'X', policyId: 'web', reason: 'fits', admission: null, targets: ['b/demo/app:v1'] };
    const after = { ...deny, targets: [] };
    assert.deepEqual(examples, [{ image: 'a.test/demo/app:v2', digest: 'd', kind: 'allow -> deny', before, after, eventAtMs: 3_000 }]);
  });

  it('says how far it was compared, and why nothing is decided', async () => {
    const { started, shadowId } = await startedShadow();
    assert.match(await report(started), /is being compared: 0 of 1 partitions are\nno tag is decided otherwise$/);
    tellCompared(started, shadowId, 'policy frozen is not valid: no YAML');
    assert.match(await report(started), /no tag is decided otherwise.*nothing is decided by it: policy frozen is not valid: no YAML$/s);
  });

  it('says what is in force by now', async () => {
    const { started } = await startedShadow();
    await start(started, { frozen: policy('frozen', 1), other: policy('other', 1) });
    await started.apply({ frozen: policy('frozen', 1) });
    assert.match(await report(started), /\n1 of its 2 changes in force by now\n/);
    const json = JSON.parse(await report(started, { output: 'json' })) as { readonly inForceIds: unknown };
    assert.deepEqual(json.inForceIds, ['frozen']);
  });

  it('is the answer no where none runs, and after it was stopped', async () => {
    const { started, shadowId } = await startedShadow();
    tell(started, shadowId, 'v1', {});
    const said = fakeConsole();
    await stopShadow(who, started.log, jsonCodec, said.console);
    assert.equal(said.out(), 'next is stopped; 1 tag decided otherwise: 1 allow -> deny');
    assert.equal(await running(started), undefined);
    for (const read of [report(started), stopShadow(who, started.log, jsonCodec, said.console)])
      await assert.rejects(read, isRefused(/^no candidate runs$/));
    await start(started, { frozen: policy('frozen', 1) }, { candidate: 'other' });
    assert.match(await report(started), /no tag is decided otherwise/, 'what was told of another start counts for nothing');
  });
});
