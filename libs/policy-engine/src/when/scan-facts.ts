import type { ScanFact } from '../evidence.ts';
import { rank, severities } from '../severity.ts';
import type { Question } from '../surroundings.ts';
import { fact, hourOf, type Fact, type Facts } from './fact.ts';
import { Failure, lackOf, Unknown, type Result } from './value.ts';

/** Of the newest scans of all that an image has to scan: all are needed, so that the answer is the same in whatever order they come. */
const scanned =
  (read: (scans: readonly ScanFact[], question: Question) => Result): Fact['read'] =>
  (question) => {
    const { inspection, scans } = question.evidence;
    if (inspection.status !== 'done') return new Unknown(['inspection']);
    const { kind, platformDigests } = inspection;
    if (platformDigests.length === 0) return new Failure(`the ${kind} has no platform that can be scanned`);
    const found = platformDigests.map((digest) => scans.find((scan) => scan.digest === digest));
    const missing = platformDigests.filter((_, at) => found[at] === undefined);
    if (missing.length > 0) return new Unknown(missing.map((digest) => `scan of ${digest}`));
    return read(found as readonly ScanFact[], question);
  };

const isFailed = ({ outcome }: ScanFact): boolean => outcome !== 'scanned';

/** What a scan that failed cannot say. */
const successful = (read: (scans: readonly ScanFact[]) => Result): Fact['read'] =>
  scanned((scans) => {
    const failed = scans.find(isFailed);
    return failed ? new Failure(`the scan of ${failed.digest} failed: ${failed.reason ?? 'no reason given'}`) : read(scans);
  });

type Found = { readonly id: string; readonly severity: string };

/** Each finding once, however many platforms have it. A list that is cut off proves nothing. */
function findingsOf(scans: readonly ScanFact[]): readonly Found[] | Unknown | Failure {
  const lacking = scans.flatMap(({ digest, findings, findingsOmitted = 0 }): readonly (Unknown | Failure)[] => {
    if (findings === undefined) return [new Unknown([`scan of ${digest} (the last does not list what it found)`])];
    return findingsOmitted === 0 ? [] : [new Failure(`the scan of ${digest} has ${findingsOmitted} more findings than are listed`)];
  });
  if (lacking.length > 0) return lackOf(lacking);
  return [...new Map(scans.flatMap(({ findings = [] }) => findings.map((finding) => [finding.id, finding] as const))).values()];
}

function countsOf(findings: readonly Found[]): Readonly<Record<string, number>> {
  const counts = Object.fromEntries(severities.map((severity) => [severity, 0]));
  // Those of a word that nobody knows are in none of the counts that can be asked for, but in the worst severity.
  for (const { severity } of findings) if (Object.hasOwn(counts, severity)) counts[severity]! += 1;
  return counts;
}

export const scanFacts: Facts = {
  failed: fact(
    'bool',
    scanned((scans) => scans.some(isFailed)),
  ),
  worst: fact(
    'string',
    successful((scans) => scans.map(({ worstSeverity }) => worstSeverity).reduce((a, b) => (rank(b) > rank(a) ? b : a))),
  ),
  ageHours: fact(
    'int',
    scanned((scans, { atMs }) => Math.max(0, hourOf(atMs) - hourOf(Math.min(...scans.map(({ scannedAtMs }) => scannedAtMs))))),
  ),
  findings: fact('list<Finding>', successful(findingsOf)),
  counts: fact(
    'map<string, int>',
    successful((scans) => {
      const findings = findingsOf(scans);
      return findings instanceof Unknown || findings instanceof Failure ? findings : countsOf(findings);
    }),
  ),
};
