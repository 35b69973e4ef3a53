import type { ScanFact } from '../evidence.ts';
import type { Question } from '../surroundings.ts';
import { broken, shortened, unknown, type Answer, type Met } from './answer.ts';
import { exceptionFor, type Unwanted } from './exceptions.ts';

/**
 * The newest verdict on each platform, in their order; or the answer where one is missing or failed. All are waited for, so that the
 * answer is the same in whatever order they come.
 * @param whyAwaited why one that is there does not count
 */
export function verdictsOf(
  { evidence: { inspection, scans } }: Question,
  whyAwaited: (scan: ScanFact) => string | undefined,
): { readonly scans: readonly ScanFact[] } | Answer {
  if (inspection.status !== 'done') return unknown('inspection');
  const { kind, platformDigests } = inspection;
  if (platformDigests.length === 0) {
    const why = `a scan is required, and the ${kind} has no platform that can be scanned`;
    return broken('NOTHING_TO_SCAN', `${why}: a policy with kinds: [artifact] can let it go`);
  }
  const newest = new Map<string, ScanFact>();
  for (const scan of scans) newest.set(scan.digest, scan);
  const [verdicts, awaiting]: [ScanFact[], string[]] = [[], []];
  for (const digest of platformDigests) {
    const scan = newest.get(digest);
    const why = scan && whyAwaited(scan);
    if (scan !== undefined && why === undefined) verdicts.push(scan);
    else awaiting.push(`scan of ${digest}${why === undefined ? '' : ` (${why})`}`);
  }
  if (awaiting.length > 0) return unknown(...awaiting);
  const failed = verdicts.filter(({ outcome }) => outcome !== 'scanned');
  if (failed.length === 0) return { scans: verdicts };
  const reasons = failed.map(({ digest, reason }) => `the scan of ${digest} failed: ${reason ?? 'no reason given'}`);
  return broken('SCAN_FAILED', shortened(reasons));
}

export type Accepted = { readonly finding: string; readonly exceptionId: string };

/** Findings that nobody wants: those that somebody answers for, those of which that is not known yet, and the others. */
export type Weighed = { readonly accepted: readonly Accepted[]; readonly awaiting: readonly string[]; readonly left: readonly string[] };

export function weigh(findings: readonly Unwanted[], question: Question): Weighed {
  const [accepted, awaiting, left]: [Accepted[], string[], string[]] = [[], [], []];
  for (const finding of findings) {
    const excepted = exceptionFor(finding, question);
    if (excepted.holds === 'yes') accepted.push({ finding: finding.id, exceptionId: excepted.id });
    else if (excepted.holds === 'unknown') awaiting.push(...excepted.awaiting);
    else left.push(finding.id);
  }
  return { accepted, awaiting, left };
}

/** Whether it holds, after all scans were judged and none was found too bad. @param met as it holds without exceptions */
export function withExceptions(met: Met, weighed: readonly Weighed[]): Answer {
  const awaiting = weighed.flatMap((each) => each.awaiting);
  if (awaiting.length > 0) return unknown(...new Set(awaiting));
  const accepted = [...new Map(weighed.flatMap((each) => each.accepted.map((one) => [one.finding, one]))).values()];
  if (accepted.length === 0) return met;
  const names = accepted.map(({ finding, exceptionId }) => `${finding} by ${exceptionId}`);
  return {
    ...met,
    reason: `${met.reason}; accepted: ${shortened(names, ', ')}`,
    exceptionIds: [...new Set(accepted.map(({ exceptionId }) => exceptionId))].toSorted(),
  };
}
