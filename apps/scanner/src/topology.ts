import { topics, type EventMeta, type ScanRequested } from '@waybill/domain';
import { isEvent, outcomeOf, type Context, type Emit, type Input, type JobFailure, type Step, type Topology } from '@waybill/stream';
import type { ScanTarget } from '@waybill/scanners';
import type { Scan, ScanResult } from './scan.ts';
import { failedState, isWaiting, putState, report, requesterOf, scannedState, waitingMax, waitingState } from './scanning.ts';

export type ScannerSettings = {
  /** What a failure is attributed to; a verdict names its scanner itself. */
  readonly scannerName: string;
  readonly timeoutMs: number;
  readonly concurrencyMax: number;
  readonly attemptsMax: number;
  /** A request for a digest whose verdict is older scans it anew. */
  readonly verdictAgeMsMax: number;
};

/** The scanner's own bound comes first, because its error says what happened. */
const timeoutGraceMs = 15_000;

/**
 * scan-requests -> one scan per digest, as a job -> scans (the verdict, once per digest) and scan-reports (told to every
 * repository that asked, under the correlation of its own push); newest verdict and who waits for it in scan-state.
 */
export function scanner(scan: Scan, settings: ScannerSettings): Topology {
  const { scannerName, timeoutMs, concurrencyMax, attemptsMax } = settings;
  const topology: Topology = {
    group: 'scanner',
    inputs: [topics.scanRequests],
    stores: { scans: topics.scanState },
    outputs: [topics.scans, topics.scanReports],
    held: topics.scannerHeld,
    jobTopic: topics.scannerJobs,
    jobs: {
      scan: {
        run: scan,
        concurrencyMax,
        perHostMax: concurrencyMax,
        timeoutMs: timeoutMs + timeoutGraceMs,
        attemptsMax,
        delayMsMin: 1_000,
        delayMsMax: 60_000,
      },
    },
    handle(input, context) {
      if (isEvent(input, 'ScanRequested')) return request(input.event.data, input.event.meta, input.atMs, context, settings);
      if (input.kind === 'job-done') return finish(topology, input, context);
      if (input.kind === 'job-failed') return fail(topology, input, context, scannerName);
      return { ignored: 'no scan request' };
    },
  };
  return topology;
}

function request(data: ScanRequested, meta: EventMeta, atMs: number, context: Context, settings: ScannerSettings): Step {
  const { digest, registry, repository } = data;
  const requester = requesterOf(data, meta);
  const state = context.get('scans', digest, 'ScanState');
  // A verdict of an earlier version does not list what it found, which policies may ask for.
  const isFresh = state?.status === 'scanned' && state.findings !== null && atMs - state.scannedAtMs <= settings.verdictAgeMsMax;
  if (isFresh) return { emit: [report(state, requester)] };

  const known = state?.waiting ?? []; // Also those who were told of a failure: they hear of the new try.
  if (state?.status === 'waiting' && isWaiting(known, requester)) return { ignored: 'waits for this scan already' };
  if (known.length >= waitingMax && !isWaiting(known, requester)) {
    const reason = `SCAN_QUEUE_FULL: ${waitingMax} images wait for the scan of this digest; push again once it is done`;
    return {
      emit: [
        report({ ...waitingState(digest, settings.scannerName, [], undefined), status: 'failed', scannedAtMs: atMs, reason }, requester),
      ],
    };
  }
  const waiting = isWaiting(known, requester) ? known : [...known, requester];
  const next = putState(waitingState(digest, settings.scannerName, waiting, state));
  if (state?.status === 'waiting') return { put: [next] };
  const target: ScanTarget = { registry, repository, digest };
  return { put: [next], schedule: [{ id: digest, kind: 'scan', key: digest, payload: target, host: registry }] };
}

type JobDone = Extract<Input, { kind: 'job-done' }>;
type JobFailed = Extract<Input, { kind: 'job-failed' }>;

function finish(topology: Topology, input: JobDone, context: Context): Step {
  const { registry, repository, digest } = JSON.parse(input.job.payload) as ScanTarget;
  const result = input.result as ScanResult;
  const waiting = context.get('scans', digest, 'ScanState')?.waiting ?? [];
  const verdict: Emit = {
    topic: topics.scans,
    key: digest,
    subject: digest,
    event: { type: 'ImageScanned', data: { digest, registry, repository, ...result } },
  };
  const state = scannedState(digest, result, idOf(topology, input, verdict));
  return { emit: [verdict, ...waiting.map((requester) => report(state, requester))], put: [putState(state)] };
}

function fail(topology: Topology, input: JobFailed, context: Context, scannerName: string): Step {
  const { registry, repository, digest } = JSON.parse(input.job.payload) as ScanTarget;
  const previous = context.get('scans', digest, 'ScanState') ?? waitingState(digest, scannerName, [], undefined);
  const verdict = scanFailed({ registry, repository, digest }, scannerName, input.failure, input.atMs);
  const state = failedState(previous, input.failure, input.atMs, idOf(topology, input, verdict));
  return { emit: [verdict, ...state.waiting.map((requester) => report(state, requester))], put: [putState(state)] };
}

const scanFailed = (target: ScanTarget, scannerName: string, failure: JobFailure, failedAtMs: number): Emit => ({
  topic: topics.scans,
  key: target.digest,
  subject: target.digest,
  event: {
    type: 'ScanFailed',
    data: { ...target, scanner: scannerName, code: failure.code, reason: failure.reason, attempts: failure.attempts, failedAtMs },
  },
});

/** The id that an event will have: reports and state rows refer to the verdict that they are about. */
const idOf = (topology: Topology, input: Input, emit: Emit): string =>
  outcomeOf(topology, input, { emit: [emit] }).events[0]!.event.meta.id;
