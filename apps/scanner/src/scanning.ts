import {
  repositoryKey,
  topics,
  type EventMeta,
  type ReportedFinding,
  type Requester,
  type ScanReported,
  type ScanRequested,
  type ScanState,
} from '@waybill/domain';
import type { Emit, JobFailure, Put } from '@waybill/stream';
import type { ScanResult } from './scan.ts';

/** Who may wait for one digest: a row stays well below the log's record limit. More is told to them as a failure, never swallowed. */
export const waitingMax = 1_000;

const noCounts = { critical: 0, high: 0, medium: 0, low: 0, unknown: 0 } as const;

export const requesterOf = ({ registry, repository, imageDigest }: ScanRequested, meta: EventMeta): Requester => ({
  registry,
  repository,
  imageDigest,
  requestEventId: meta.id,
  correlationId: meta.correlationId,
});

/** One image of one repository waits once, however often it is pushed. */
export const isWaiting = (waiting: readonly Requester[], requester: Requester): boolean =>
  waiting.some((other) => other.imageDigest === requester.imageDigest && repositoryKey(other) === repositoryKey(requester));

/** A digest whose scan is asked for. An older verdict stays readable until the new one is there. */
export const waitingState = (
  digest: string,
  scanner: string,
  waiting: readonly Requester[],
  previous: ScanState | undefined,
): ScanState => ({
  digest,
  status: 'waiting',
  waiting,
  worstSeverity: previous?.worstSeverity ?? 'unknown',
  counts: previous?.counts ?? null,
  scanner,
  scannedAtMs: previous?.scannedAtMs ?? 0,
  reason: null,
  scanEventId: previous?.scanEventId ?? null,
  findings: previous?.findings ?? null,
  findingsOmitted: previous?.findingsOmitted ?? 0,
});

export const scannedState = (digest: string, result: ScanResult, scanEventId: string): ScanState => ({
  digest,
  status: 'scanned',
  waiting: [],
  worstSeverity: result.worstSeverity,
  counts: result.counts,
  scanner: result.scanner,
  scannedAtMs: result.finishedAtMs,
  reason: null,
  scanEventId,
  findings: reportedOf(result.findings),
  findingsOmitted: result.findingsOmitted,
});

/** Several packages may share a finding: the worst is kept, which comes first. */
function reportedOf(findings: ScanResult['findings']): readonly ReportedFinding[] {
  const reported = new Map<string, ReportedFinding>();
  for (const { id, severity } of findings) if (!reported.has(id)) reported.set(id, { id, severity });
  return [...reported.values()];
}

/** Those who waited are kept: where a later scan succeeds, they hear of it too. */
export const failedState = (previous: ScanState, failure: JobFailure, atMs: number, scanEventId: string): ScanState => ({
  ...previous,
  status: 'failed',
  worstSeverity: 'unknown',
  counts: null,
  scannedAtMs: atMs,
  reason: reasonOf(failure),
  scanEventId,
  findings: null,
  findingsOmitted: 0,
});

const reasonOf = ({ code, reason }: JobFailure): string => `${code}: ${reason}`;

/** The digest's state, told to one repository; `state` is scanned or failed. */
export function report(state: ScanState, requester: Requester): Emit {
  const data: ScanReported = {
    registry: requester.registry,
    repository: requester.repository,
    digest: state.digest,
    imageDigest: requester.imageDigest,
    outcome: state.status,
    worstSeverity: state.worstSeverity,
    counts: state.counts ?? noCounts,
    scanner: state.scanner,
    scannedAtMs: state.scannedAtMs,
    reason: state.reason,
    scanEventId: state.scanEventId ?? '',
    findings: state.findings,
    findingsOmitted: state.findingsOmitted,
  };
  return {
    topic: topics.scanReports,
    key: repositoryKey(requester),
    subject: state.digest,
    event: { type: 'ScanReported', data },
    discriminator: `${repositoryKey(requester)}@${requester.imageDigest}`,
    correlationId: requester.correlationId,
  };
}

export const putState = (state: ScanState): Put => ({ store: 'scans', key: state.digest, row: { type: 'ScanState', data: state } });
