import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { topics, type Event, type EventMeta, type EventOf, type ImageDecided } from '@waybill/domain';
import { notLookedAt } from '@waybill/domain/testing';
import { compileRulebook, evaluate, evidenceBehind, inputsSha256, traceOf, versionOf, type Explanation } from '@waybill/policy-engine';
import { jsonCodec } from '@waybill/stream/testing';
import { fakeConsole } from '../console.fixture.ts';
import { CliError, type ExitCode } from '../exit.ts';
import { documentsInForce } from '../policy/history.ts';
import { policy, startLog } from '../policy/policies.fixture.ts';
import { readPolicyLog } from '../policy/policy-log.ts';
import { createVault } from '../policy/vault.ts';
import { explainDecision } from './policy-explain.ts';

const image = { registry: 'a.test', repository: 'demo/app' } as const;
const key = 'a.test/demo/app';
const digest = `sha256:${'1'.repeat(64)}`;
const nowMs = Date.UTC(2026, 0, 10);
const vault = createVault(undefined);
const metaOf = (id: string): EventMeta => ({
  ...{ id, source: '/test', timeMs: nowMs, subject: key, correlationId: 'c', causationId: null, traceparent: null },
});

const inspected: EventOf<'ImageInspected'> = {
  type: 'ImageInspected',
  meta: metaOf('aaaaaaaa-inspection'),
  data: {
    ...{ ...image, tags: ['v1'], pushEventId: 'p', digest, mediaType: 'x', kind: 'image', artifactType: null, subject: null },
    ...{ sizeBytes: 1, platforms: [platformOf(digest)], annotations: {}, labels: {}, totalBytes: 1, referrers: [], inspectedAtMs: nowMs },
    ...notLookedAt,
  },
};
function platformOf(of: string) {
  const platform = { os: 'linux', architecture: 'amd64', variant: null, configDigest: of, createdAt: null, totalBytes: 1 };
  return { digest: of, mediaType: 'x', sizeBytes: 1, ...platform, labels: {}, layers: [] };
}
/** Of another push: what a decision names is that of its own. */
const other: EventOf<'ImageInspected'> = {
  ...inspected,
  meta: metaOf('ffffffff-inspection'),
  data: { ...inspected.data, kind: 'artifact' },
};
const reportOf = (worstSeverity: string): EventOf<'ScanReported'> => ({
  type: 'ScanReported',
  meta: metaOf(`bbbbbbbb-${worstSeverity}`),
  data: {
    ...{ ...image, digest, imageDigest: digest, outcome: 'scanned', worstSeverity, scanner: 'osv', scannedAtMs: nowMs, reason: null },
    ...{ counts: { critical: 0, high: 0, medium: 0, low: 1, unknown: 0 }, scanEventId: `scan-${worstSeverity}` },
    ...{ findings: [], findingsOmitted: 0 },
  },
});

/** Policies in the log, the facts of an image, and what is decided by them; then the policies change, and a later scan is reported. */
async function startDecided(facts: readonly Event[] = [inspected, other, reportOf('low')], changes: Partial<ImageDecided> = {}) {
  const started = startLog();
  await started.apply({ demo: policy('demo', 24), other: policy('other', 24) });
  const rulebook = compileRulebook(documentsInForce(await readPolicyLog(started.log, jsonCodec), vault));
  for (const event of facts) started.append(event.type === 'ScanReported' ? topics.scanReports : topics.inspections, key, event);
  const scan = { digest, outcome: 'scanned', worstSeverity: 'low', scannedAtMs: nowMs, scanEventId: 'scan-low' };
  const named: ImageDecided = {
    ...{ ...image, tag: 'v1', digest, outcome: '', code: '', policyId: null, policySetVersion: versionOf(rulebook), reason: '' },
    ...{ trace: [], targets: [], exceptionIds: [], takenBack: [], retroactive: false, admission: null, inputsSha256: '' },
    ...{ sboms: [], signatures: null, registries: [], usage: null, pullsByRegion: null, cannotWait: false, tenant: null, sizeBytes: null },
    ...{ scans: [scan], inspectionEventId: inspected.meta.id, evaluatedAtMs: nowMs, occasion: 'evidence', pushEventId: 'p' },
  };
  const evidence = evidenceBehind(named, { inspection: inspected, reports: [reportOf('low').data] });
  const { awaiting: _, ...decision } = evaluate(rulebook.replication, evidence, nowMs);
  const trace = traceOf(rulebook.replication, evidence, nowMs);
  const data: ImageDecided = { ...named, ...decision, trace, inputsSha256: inputsSha256(evidence, nowMs), ...changes };
  started.append(topics.decisions, key, { type: 'ImageDecided', data, meta: metaOf('cccccccc-0001') });
  await started.apply({ demo: policy('demo', 1) });
  started.append(topics.scanReports, key, reportOf('critical'));
  return started;
}

async function explained(
  { log }: Awaited<ReturnType<typeof startDecided>>,
  decision: string,
  output: 'table' | 'json' = 'table',
): Promise<{ readonly code: ExitCode; readonly out: string }> {
  const said = fakeConsole();
  const code = await explainDecision({ output, decision, policiesMax: 20, vault }, log, jsonCodec, said.console);
  return { code, out: said.out() };
}
const isExit = (exitCode: ExitCode, message: RegExp) => (error: unknown) =>
  error instanceof CliError && error.exitCode === exitCode && message.test(error.message);

describe('policy explain', () => {
  it('makes a decision again by the policies and facts of then, whatever has changed since', async () => {
    const { code, out } = await explained(await startDecided(), 'a.test/demo/app:v1');
    assert.equal(code, 0, out);
    assert.match(
      out,
      /^a\.test\/demo\/app:v1 +sha256:1{12}\ndecided 2026-01-10 00:00:00 UTC, on evidence, by policies [0-9a-f]{12}, event /,
    );
    assert.match(out, /\nallow REQUIREMENTS_MET by demo: scanned, worst severity low \(at most high\)\n {2}to b\/demo\/app:v1\n/);
    assert.match(out, /\nmade again from 2 events and 2 documents in the log: the same, from the same inputs \([0-9a-f]{12}\)$/);
  });

  it('says of each policy why it spoke, and of one that kept silent the first clause that refused', async () => {
    const { out } = await explained(await startDecided(), 'a.test/demo/app:v1');
    assert.match(out, /\ndemo +priority 0 +allow: .*\n {2}✔ spec\.match\.repositories: repository demo\/app matches one of demo\/\*\*\n/);
    assert.match(
      out,
      /\nother +priority 0 +not-matched: .*\n {2}✖ spec\.match\.repositories: repository demo\/app matches none of other\/\*\*\n/,
    );
    assert.match(out, /\nregistries that the policy could mean:\n {2}✔ b: /);
  });

  it('finds it by its event and by its record too, and gives all of it as JSON', async () => {
    const started = await startDecided();
    for (const name of ['cccccccc', 'cccccccc-0001', 'decisions/0/0']) {
      const { code, out } = await explained(started, name, 'json');
      const answer = JSON.parse(out) as { recorded: ImageDecided; remade: Explanation } & Readonly<Record<string, unknown>>;
      assert.deepEqual([code, answer['eventId'], answer['record'], answer['isSame']], [0, 'cccccccc-0001', 'decisions/0/0', true]);
      assert.equal(answer.recorded.policyId, answer.remade.decision.policyId);
    }
  });

  it('takes the newest decision of an image', async () => {
    const started = await startDecided();
    const newer = { type: 'ImageDecided' as const, meta: metaOf('dddddddd-0001') };
    const [first] = started.memory.records.get(topics.decisions.name)!;
    const { data } = (await jsonCodec.decode(first!.value!)) as EventOf<'ImageDecided'>;
    started.append(topics.decisions, key, { ...newer, data: { ...data, tag: 'v2' } });
    assert.match((await explained(started, 'a.test/demo/app:v1')).out, /event cccccccc/);
    started.append(topics.decisions, key, { ...newer, data });
    assert.match((await explained(started, 'a.test/demo/app:v1')).out, /event dddddddd/);
  });

  it('says so where something else comes of it: another outcome, other inputs', async () => {
    const forged = await explained(await startDecided(undefined, { outcome: 'deny', targets: [] }), 'cccccccc');
    assert.equal(forged.code, 1);
    assert.match(forged.out, /✖ outcome: recorded deny, now allow\n/);
    assert.match(forged.out, /it is not as it is recorded$/);
    const { code, out } = await explained(await startDecided(undefined, { inputsSha256: '0'.repeat(64) }), 'cccccccc');
    assert.deepEqual([code, /✖ inputs: recorded 0{64}, now [0-9a-f]{64}\n/.test(out)], [1, true]);
  });

  it('says what the log no longer holds', async () => {
    const { code, out } = await explained(await startDecided([]), 'cccccccc');
    assert.equal(code, 1);
    assert.match(out, /✖ the log no longer holds the inspection aaaaaaaa-inspection\n/);
    assert.match(out, /✖ the log no longer holds the report of the scan scan-low\n/);
  });

  it('knows no decision that never was, nor policies that never were', async () => {
    const started = await startDecided();
    for (const name of ['a.test/demo/app:v9', 'eeeeeeee', 'decisions/0/7', 'decisions/9999/0'])
      await assert.rejects(explained(started, name), isExit(1, /the log holds no decision/));
    for (const name of ['', 'app', 'a.test/demo/app', 'decisions/0'])
      await assert.rejects(explained(started, name), isExit(2, /names no decision/), name);
    const unknown = await startDecided(undefined, { policySetVersion: '9'.repeat(64) });
    await assert.rejects(explained(unknown, 'cccccccc'), isExit(1, /never were of the version 9{12}/));
  });
});
