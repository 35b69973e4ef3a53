import type { Evidence, ScanFact } from './evidence.ts';
import type { Policy } from './policy.ts';

/** What a policy that matches says: go, stop, or wait for facts. */
export type Ruling =
  | { readonly outcome: 'allow'; readonly reason: string }
  | { readonly outcome: 'deny'; readonly reason: string }
  | { readonly outcome: 'held'; readonly reason: string; readonly awaiting: readonly string[] };

type Requirement = NonNullable<NonNullable<Policy['document']['spec']['require']>['scan']>;

/** Best first; a word that is not here is worse than all. */
const severities = ['none', 'unknown', 'low', 'medium', 'high', 'critical'] as const;
const rank = (severity: string): number => {
  const index = (severities as readonly string[]).indexOf(severity);
  return index === -1 ? severities.length : index;
};

const hourMs = 60 * 60 * 1000;

/** A missing fact holds, a failed or bad one denies; only facts that are all there and good enough allow. */
export function ruleOn(policy: Policy, evidence: Evidence, atMs: number): Ruling {
  const { effect, reason, require } = policy.document.spec;
  if (effect === 'deny') return { outcome: 'deny', reason: reason ?? 'the policy denies it' };
  const { inspection } = evidence;
  if (inspection.status === 'missing') return held(['inspection']);
  if (inspection.status === 'failed') return { outcome: 'deny', reason: `the inspection failed: ${inspection.reason}` };
  if (require?.scan === undefined) return { outcome: 'allow', reason: 'nothing more is required' };
  if (inspection.platformDigests.length === 0) {
    const why = `a scan is required, and the ${inspection.kind} has no platform that can be scanned`;
    return { outcome: 'deny', reason: `${why}: a policy with kinds: [artifact] can let it go` };
  }
  return ruleOnScans(require.scan, inspection.platformDigests, evidence.scans, atMs);
}

function ruleOnScans(required: Requirement, digests: readonly string[], scans: readonly ScanFact[], atMs: number): Ruling {
  const newest = new Map(scans.map((scan) => [scan.digest, scan]));
  // All verdicts are waited for, so that the decision is the same in whatever order they come.
  const awaiting = digests.flatMap((digest) => missing(required, digest, newest.get(digest), atMs));
  if (awaiting.length > 0) return held(awaiting);
  const bad = digests.flatMap((digest) => objection(required, digest, newest.get(digest)!));
  if (bad.length > 0) return { outcome: 'deny', reason: shortened(bad) };
  const worst = digests.map((digest) => newest.get(digest)!.worstSeverity).reduce((a, b) => (rank(b) > rank(a) ? b : a));
  return { outcome: 'allow', reason: `scanned, worst severity ${worst} (at most ${required.worstSeverity})` };
}

const missing = ({ withinHours }: Requirement, digest: string, scan: ScanFact | undefined, atMs: number): readonly string[] => {
  if (scan === undefined) return [`scan of ${digest}`];
  const isStale = !(atMs - scan.scannedAtMs <= withinHours * hourMs);
  return isStale ? [`scan of ${digest} (the last is older than ${withinHours} h)`] : [];
};

const objection = ({ worstSeverity }: Requirement, digest: string, scan: ScanFact): readonly string[] => {
  if (scan.outcome !== 'scanned') return [`the scan of ${digest} failed: ${scan.reason ?? 'no reason given'}`];
  if (rank(scan.worstSeverity) <= rank(worstSeverity)) return [];
  return [`${digest} has findings of severity ${scan.worstSeverity} (at most ${worstSeverity})`];
};

const held = (awaiting: readonly string[]): Ruling => ({ outcome: 'held', reason: `waits for ${shortened(awaiting)}`, awaiting });

const shownMax = 5;
const shortened = (parts: readonly string[]): string =>
  parts.length <= shownMax ? parts.join('; ') : `${parts.slice(0, shownMax).join('; ')}; and ${parts.length - shownMax} more`;
