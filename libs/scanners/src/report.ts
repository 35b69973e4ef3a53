import type { Finding, SeverityCounts } from '@waybill/domain';

/** What an adapter reads from a scanner's output. */
export type Report = {
  readonly scanner: string;
  readonly scannerVersion: string | null;
  readonly findings: readonly Finding[];
};

/** A report as an event can carry it. */
export type Summary = {
  /** The worst of all findings; `none` without any. */
  readonly worstSeverity: Severity | 'none';
  /** Of all findings, also of those left out. */
  readonly counts: SeverityCounts;
  /** Worst first, at most 200. */
  readonly findings: readonly Finding[];
  readonly findingsOmitted: number;
};

export type Severity = keyof SeverityCounts;

/** Worst first. `unknown` ranks below `low`, as scanners themselves rank a finding that nobody has scored. */
const severities = ['critical', 'high', 'medium', 'low', 'unknown'] as const satisfies readonly Severity[];

const synonyms: Readonly<Record<string, Severity>> = {
  critical: 'critical',
  high: 'high',
  important: 'high',
  medium: 'medium',
  moderate: 'medium',
  low: 'low',
  minor: 'low',
  negligible: 'low',
};

/** Scanners' words for a severity as one of ours; what is not known is `unknown`, never less. */
export const severityOf = (word: string): Severity => synonyms[word.toLowerCase()] ?? 'unknown';

/** The worst of some; `unknown` of none. */
export const worstOf = (some: readonly Severity[]): Severity => severities.find((severity) => some.includes(severity)) ?? 'unknown';

/** Qualitative rating of a CVSS base score (CVSS v3.1 specification, section 5). 0.0 ("None") counts as low: it was found. */
export function severityOfScore(score: number): Severity {
  if (!(score >= 0 && score <= 10)) return 'unknown';
  if (score >= 9) return 'critical';
  if (score >= 7) return 'high';
  return score >= 4 ? 'medium' : 'low';
}

/** At most 200 findings of at most 4 texts of 200 characters: an event stays far below the log's record limit. */
const findingsMax = 200;
const textLengthMax = 200;

const rank = (finding: Finding): number => severities.indexOf(finding.severity as Severity);
const byText = (a: string, b: string): number => (a < b ? -1 : a > b ? 1 : 0);
const bounded = (text: string): string => (text.length <= textLengthMax ? text : `${text.slice(0, textLengthMax - 1)}…`);

/** Counts all findings and keeps the worst. The order depends on the findings alone, not on the order a scanner prints them in. */
export function summarize(all: readonly Finding[]): Summary {
  const counts = { critical: 0, high: 0, medium: 0, low: 0, unknown: 0 };
  for (const finding of all) counts[finding.severity as Severity] += 1;
  const findings = all
    .toSorted((a, b) => rank(a) - rank(b) || byText(a.id, b.id) || byText(a.package, b.package) || byText(a.version, b.version))
    .slice(0, findingsMax)
    .map((finding) => ({
      id: bounded(finding.id),
      severity: finding.severity,
      package: bounded(finding.package),
      version: bounded(finding.version),
      fixedVersion: finding.fixedVersion === null ? null : bounded(finding.fixedVersion),
    }));
  const worstSeverity = severities.find((severity) => counts[severity] > 0) ?? 'none';
  return { worstSeverity, counts, findings, findingsOmitted: all.length - findings.length };
}
