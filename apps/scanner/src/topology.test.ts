import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { topics, type EventOf, type ScanRequested, type ScanState } from '@waybill/domain';
import { topologyDriver } from '@waybill/stream/testing';
import { putState, scannedState, waitingMax } from './scanning.ts';
import { scanner } from './topology.ts';

const hour = 60 * 60 * 1000;
const nowMs = Date.UTC(2026, 0, 1);
const digest = `sha256:${'d'.repeat(64)}`;
const verdict = {
  scanner: 'tiny',
  scannerVersion: '1.0',
  worstSeverity: 'high',
  counts: { critical: 0, high: 1, medium: 0, low: 0, unknown: 0 },
  findings: [{ id: 'CVE-1', severity: 'high', package: 'p', version: '1', fixedVersion: null }],
  findingsOmitted: 0,
  reportSha256: 'f'.repeat(64),
  startedAtMs: nowMs,
  finishedAtMs: nowMs + 1_000,
};
const failure = { code: 'SCANNER_TIMEOUT', reason: 'took longer than 1 ms', attempts: 4 };

const start = () => {
  const settings = { scannerName: 'tiny', timeoutMs: 1, concurrencyMax: 1, attemptsMax: 4, verdictAgeMsMax: 12 * hour };
  const topology = scanner(() => Promise.reject(new Error('the driver runs no jobs')), settings);
  const driver = topologyDriver(topology);
  let requests = 0;
  const request = (repository: string, image = 'i1', atMs = nowMs) => {
    const data: ScanRequested = { registry: 'r.test', repository, digest, imageDigest: `sha256:${image}` };
    const id = `request-${(requests += 1)}`;
    driver.pipe(topics.scanRequests, digest, { type: 'ScanRequested', data }, { id, correlationId: `push-of-${repository}`, atMs });
  };
  const reports = () =>
    (driver.emitted(topics.scanReports) as readonly EventOf<'ScanReported'>[]).map(({ data, meta }) => ({
      to: `${data.repository}@${data.imageDigest}`,
      outcome: data.outcome,
      correlation: meta.correlationId,
    }));
  return { driver, topology, request, reports, state: () => driver.row('scans', digest) as ScanState | undefined };
};

describe('a digest that nobody has scanned', () => {
  it('is scanned once, however many ask for it meanwhile', () => {
    const { driver, request, state } = start();
    request('app');
    request('other');
    request('app', 'i2');
    assert.deepEqual(
      driver.jobs().map(({ id, kind, host }) => ({ id, kind, host })),
      [{ id: digest, kind: 'scan', host: 'r.test' }],
    );
    assert.equal(state()?.waiting.length, 3);
    assert.equal(state()?.status, 'waiting');
  });

  it('has each image of a repository wait once', () => {
    const { driver, request, state } = start();
    request('app');
    request('app');
    assert.equal(state()?.waiting.length, 1);
    assert.deepEqual(driver.ignored(), ['waits for this scan already']);
  });

  it('has one verdict, told to each that asked under its own correlation', () => {
    const { driver, request, reports, state } = start();
    request('app');
    request('other');
    driver.finishJob(digest, verdict);
    const [scanned, ...more] = driver.emitted(topics.scans);
    assert.deepEqual(more, []);
    assert.deepEqual(scanned?.data, { digest, registry: 'r.test', repository: 'app', ...verdict });
    assert.deepEqual(driver.keys(topics.scans), [digest]);
    assert.deepEqual(reports(), [
      { to: 'app@sha256:i1', outcome: 'scanned', correlation: 'push-of-app' },
      { to: 'other@sha256:i1', outcome: 'scanned', correlation: 'push-of-other' },
    ]);
    assert.deepEqual(driver.keys(topics.scanReports), ['r.test/app', 'r.test/other']);
    assert.deepEqual([state()?.status, state()?.waiting, state()?.scanEventId], ['scanned', [], scanned?.meta.id]);
  });

  it('gives every report an id of its own that refers to the verdict', () => {
    const { driver, request } = start();
    request('app');
    request('app', 'i2');
    request('other');
    driver.finishJob(digest, verdict);
    const reports = driver.emitted(topics.scanReports) as readonly EventOf<'ScanReported'>[];
    assert.equal(new Set(reports.map(({ meta }) => meta.id)).size, 3);
    assert.deepEqual(new Set(reports.map(({ data }) => data.scanEventId)), new Set([driver.emitted(topics.scans)[0]?.meta.id]));
  });
});

describe('a report', () => {
  const reported = (driver: ReturnType<typeof start>['driver']) =>
    (driver.emitted(topics.scanReports) as readonly EventOf<'ScanReported'>[]).map(({ data }) => data).at(-1);
  const found = (id: string, severity: string) => ({ id, severity, package: 'p', version: '1', fixedVersion: null });

  it('lists what was found, each id once and as bad as it is anywhere, worst first, and how much more there is', () => {
    const { driver, request } = start();
    request('app');
    const findings = [found('CVE-2', 'high'), found('CVE-1', 'medium'), found('CVE-2', 'low')];
    driver.finishJob(digest, { ...verdict, findings, findingsOmitted: 7 });
    const list = [
      { id: 'CVE-2', severity: 'high' },
      { id: 'CVE-1', severity: 'medium' },
    ];
    assert.deepEqual([reported(driver)?.findings, reported(driver)?.findingsOmitted], [list, 7]);
    request('later');
    assert.deepEqual([reported(driver)?.repository, reported(driver)?.findings], ['later', list]);
  });

  it('of a failure lists nothing', () => {
    const { driver, request } = start();
    request('app');
    driver.finishJob(digest, verdict);
    request('app', 'i1', nowMs + 13 * hour);
    driver.failJob(digest, failure);
    assert.deepEqual([reported(driver)?.outcome, reported(driver)?.findings], ['failed', null]);
  });

  it('of a verdict that does not list what it found is not made: the digest is scanned anew', () => {
    const { driver, topology, request } = start();
    const old: ScanState = { ...scannedState(digest, verdict, 'scan-1'), findings: null };
    driver.deploy({ ...topology, handle: () => ({ put: [putState(old)] }) });
    request('app');
    driver.deploy(topology);
    request('app');
    assert.equal(driver.jobs().length, 1);
  });
});

describe('a digest with a verdict', () => {
  it('is reported at once and not scanned again', () => {
    const { driver, request, reports } = start();
    request('app');
    driver.finishJob(digest, verdict);
    request('later', 'i1', nowMs + hour);
    assert.deepEqual(driver.jobs(), []);
    assert.deepEqual(reports().at(-1), { to: 'later@sha256:i1', outcome: 'scanned', correlation: 'push-of-later' });
    assert.equal(driver.emitted(topics.scans).length, 1);
  });

  it('is scanned anew once the verdict is too old, and the old one stays readable meanwhile', () => {
    const { driver, request, reports, state } = start();
    request('app');
    driver.finishJob(digest, verdict);
    request('app', 'i1', nowMs + 13 * hour);
    assert.equal(driver.jobs().length, 1);
    assert.deepEqual([state()?.status, state()?.worstSeverity, reports().length], ['waiting', 'high', 1]);
  });
});

describe('a scan that fails', () => {
  it('is told as failed to each that asked, with the code', () => {
    const { driver, request, reports, state } = start();
    request('app');
    request('other');
    driver.failJob(digest, failure);
    assert.deepEqual(
      driver.emitted(topics.scans).map(({ type }) => type),
      ['ScanFailed'],
    );
    assert.deepEqual(
      reports().map(({ outcome }) => outcome),
      ['failed', 'failed'],
    );
    const [report] = driver.emitted(topics.scanReports) as readonly EventOf<'ScanReported'>[];
    assert.equal(report?.data.reason, 'SCANNER_TIMEOUT: took longer than 1 ms');
    assert.equal(state()?.status, 'failed');
  });

  it('is tried again by the next request, and those who were told of the failure hear of the success', () => {
    const { driver, request, reports } = start();
    request('app');
    driver.failJob(digest, failure);
    request('later');
    assert.equal(driver.jobs().length, 1);
    driver.finishJob(digest, verdict);
    assert.deepEqual(
      reports().map(({ to, outcome }) => `${to} ${outcome}`),
      [...['app@sha256:i1 failed', 'app@sha256:i1 scanned', 'later@sha256:i1 scanned']],
    );
  });
});

describe('a flood of requests', () => {
  it('is bounded: who cannot wait is told so', () => {
    const { request, reports, state } = start();
    for (let i = 0; i < waitingMax + 1; i += 1) request(`app-${i}`);
    assert.equal(state()?.waiting.length, waitingMax);
    assert.deepEqual(reports(), [{ to: `app-${waitingMax}@sha256:i1`, outcome: 'failed', correlation: `push-of-app-${waitingMax}` }]);
  });
});
