// The way of a scan with a real process: request, scanner run, verdict, report, decision; and every event and row of it fits its schema.
import assert from 'node:assert/strict';
import { globSync, mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, describe, it } from 'node:test';
import avsc from 'avsc';
import { topics, type Event, type EventOf, type ScanRequested, type TypedRecord } from '@waybill/domain';
import { createScanner } from '@waybill/scanners';
import { topologyDriver } from '@waybill/stream/testing';
import { createScan } from '../../apps/scanner/src/scan.ts';
import { scanner } from '../../apps/scanner/src/topology.ts';
import { digestOf, nowMs, startPolicy } from '../../apps/policy/src/testing.fixture.ts';

const root = `${import.meta.dirname}/../..`;
const schemas = new Map(
  globSync(`${root}/schemas/*/*.v1.avsc`).map((path) => {
    const type = avsc.Type.forSchema(JSON.parse(readFileSync(path, 'utf8')) as avsc.Schema);
    return [type.branchName?.split('.').at(-1) ?? '', type] as const;
  }),
);
function assertFits({ type, data }: TypedRecord): void {
  const schema = schemas.get(type);
  assert.ok(schema, `no schema for ${type}`);
  schema.isValid(data, { errorHook: (path, value) => assert.fail(`${type}.${path.join('.')} is ${JSON.stringify(value)}`) });
}

const env = { PATH: process.env['PATH'] };
const scratchDir = mkdtempSync(join(tmpdir(), 'scanner-'));
after(() => rmSync(scratchDir, { recursive: true }));
const program = createScanner({
  command: `sh ${root}/test/fixtures/scanners/tiny-scanner.sh {repository} {digest}`,
  scratchDir,
  timeoutMs: 10_000,
  env,
});
const scan = createScan(program);
const settings = { scannerName: program.name, timeoutMs: 10_000, concurrencyMax: 1, attemptsMax: 1, verdictAgeMsMax: 1_000 };
const platform = digestOf('a');
const index = digestOf('1');

/** Pushes, inspects and really scans; gives the decision. */
async function journey(repository: string): Promise<EventOf<'ImageDecided'>['data'] | undefined> {
  const scanning = topologyDriver(scanner(scan, settings));
  const request: ScanRequested = { registry: 'a.test', repository, digest: platform, imageDigest: index };
  scanning.pipe(topics.scanRequests, platform, { type: 'ScanRequested', data: request }, { atMs: nowMs });
  const [job] = scanning.jobs();
  assert.ok(job);
  const attempt = { signal: new AbortController().signal, attempt: 1, correlationId: 'c' };
  await scan(JSON.parse(job.payload) as never, attempt).then(
    (result) => scanning.finishJob(job.id, JSON.parse(JSON.stringify({ ...result, finishedAtMs: nowMs })), { atMs: nowMs }),
    (error: { code: string; message: string }) =>
      scanning.failJob(job.id, { code: error.code, reason: error.message, attempts: 1 }, { atMs: nowMs }),
  );
  const policy = startPolicy();
  policy.when({ push: 'p1', tags: ['v1'], digest: index }, { inspected: index, of: 'p1', tags: ['v1'], platforms: [platform] });
  const reports = scanning.emitted(topics.scanReports) as readonly EventOf<'ScanReported'>[];
  for (const { type, data } of reports)
    policy.driver.pipe(topics.scanReports, 'a.test/demo/app', { type, data: { ...data, repository: 'demo/app' } }, { atMs: nowMs });

  const events: readonly Event[] = [...scanning.emitted(topics.scans), ...reports, ...policy.driver.emitted(topics.decisions)];
  events.forEach(assertFits);
  assertFits({ type: 'ScanState', data: scanning.row('scans', platform) as never });
  assertFits({ type: 'DecisionState', data: policy.row('v1')! });
  assertFits({ type: 'ImageEvidence', data: policy.driver.row('evidence', `a.test/demo/app@${index}`) as never });
  return policy.decisions()[0];
}

describe('an image that is scanned by a program', () => {
  it('is allowed where nothing is found', async () => assert.equal((await journey('demo/app'))?.outcome, 'allow'));
  it('is allowed with a finding within the bound', async () => assert.equal((await journey('demo/risky'))?.outcome, 'allow'));
  it('is denied with a critical finding', async () => {
    const decision = await journey('demo/vulnerable');
    assert.equal(decision?.reason, `${platform} has findings of severity critical (at most high): CVE-2026-0001`);
  });
  it('is denied where the scanner breaks, and the decision says how', async () => {
    const decision = await journey('demo/broken');
    assert.equal(decision?.outcome, 'deny');
    assert.match(decision?.reason ?? '', /SCANNER_FAILED: .* it exited 2 and said: cannot reach the registry/);
  });
});
