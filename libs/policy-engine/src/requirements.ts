import type { ScanFact } from './evidence.ts';
import type { Policy } from './policy.ts';
import { rank } from './severity.ts';
import type { Question } from './surroundings.ts';

/** What a policy that matches says: go, stop, or wait for facts. */
export type Ruling =
  | { readonly outcome: 'allow'; readonly code: 'REQUIREMENTS_MET'; readonly reason: string }
  | { readonly outcome: 'deny'; readonly code: DenialCode; readonly reason: string }
  | { readonly outcome: 'held'; readonly code: 'FACTS_AWAITED'; readonly reason: string; readonly awaiting: readonly string[] };

/** Why a policy denies. Stable for good. */
export type DenialCode =
  'DENIED_BY_POLICY' | 'INSPECTION_FAILED' | 'LABELS_MISSING' | 'NOTHING_TO_SCAN' | 'SCAN_FAILED' | 'SEVERITY_TOO_HIGH';

type Requirement = NonNullable<NonNullable<Policy['document']['spec']['require']>['scan']>;

const hourMs = 60 * 60 * 1000;

/** A missing fact holds, a failed or bad one denies; only facts that are all there and good enough allow. */
export function ruleOn(policy: Policy, { evidence, atMs }: Question): Ruling {
  const { effect, reason, require } = policy.document.spec;
  if (effect === 'deny') return deny('DENIED_BY_POLICY', reason ?? 'the policy denies it');
  const { inspection } = evidence;
  if (inspection.status === 'missing') return held(['inspection']);
  if (inspection.status === 'failed') return deny('INSPECTION_FAILED', `the inspection failed: ${inspection.reason}`);
  const lacking = Object.entries(require?.labels ?? {}).filter(([name, value]) => !hasLabel(inspection.labels, name, value));
  if (lacking.length > 0) {
    const wanted = lacking.map(([name, value]) => (value === '*' ? name : `${name}=${value}`)).toSorted();
    return deny('LABELS_MISSING', `it lacks required labels: ${shortened(wanted)}`);
  }
  if (require?.scan === undefined)
    return allow(require?.labels === undefined ? 'nothing more is required' : 'has all labels that are required');
  if (inspection.platformDigests.length === 0) {
    const why = `a scan is required, and the ${inspection.kind} has no platform that can be scanned`;
    return deny('NOTHING_TO_SCAN', `${why}: a policy with kinds: [artifact] can let it go`);
  }
  return ruleOnScans(require.scan, inspection.platformDigests, evidence.scans, atMs);
}

const hasLabel = (labels: Readonly<Record<string, string>>, name: string, value: string): boolean =>
  Object.hasOwn(labels, name) && (value === '*' || labels[name] === value);

function ruleOnScans(required: Requirement, digests: readonly string[], scans: readonly ScanFact[], atMs: number): Ruling {
  const newest = new Map(scans.map((scan) => [scan.digest, scan]));
  // All verdicts are waited for, so that the decision is the same in whatever order they come.
  const awaiting = digests.flatMap((digest) => missing(required, digest, newest.get(digest), atMs));
  if (awaiting.length > 0) return held(awaiting);
  const bad = digests.flatMap((digest) => objection(required, digest, newest.get(digest)!));
  if (bad.length > 0) return deny(bad[0]!.code, shortened(bad.map(({ reason }) => reason)));
  const worst = digests.map((digest) => newest.get(digest)!.worstSeverity).reduce((a, b) => (rank(b) > rank(a) ? b : a));
  return allow(`scanned, worst severity ${worst} (at most ${required.worstSeverity})`);
}

const missing = ({ withinHours }: Requirement, digest: string, scan: ScanFact | undefined, atMs: number): readonly string[] => {
  if (scan === undefined) return [`scan of ${digest}`];
  const isStale = !(atMs - scan.scannedAtMs <= withinHours * hourMs);
  return isStale ? [`scan of ${digest} (the last is older than ${withinHours} h)`] : [];
};

type Objection = { readonly code: DenialCode; readonly reason: string };

const objection = ({ worstSeverity }: Requirement, digest: string, scan: ScanFact): readonly Objection[] => {
  if (scan.outcome !== 'scanned')
    return [{ code: 'SCAN_FAILED', reason: `the scan of ${digest} failed: ${scan.reason ?? 'no reason given'}` }];
  if (rank(scan.worstSeverity) <= rank(worstSeverity)) return [];
  const reason = `${digest} has findings of severity ${scan.worstSeverity} (at most ${worstSeverity})`;
  return [{ code: 'SEVERITY_TOO_HIGH', reason }];
};

const allow = (reason: string): Ruling => ({ outcome: 'allow', code: 'REQUIREMENTS_MET', reason });
export const deny = (code: DenialCode, reason: string): Ruling => ({ outcome: 'deny', code, reason });
export const held = (awaiting: readonly string[], why = ''): Ruling => ({
  outcome: 'held',
  code: 'FACTS_AWAITED',
  reason: `waits for ${shortened(awaiting)}${why}`,
  awaiting,
});

const shownMax = 5;
const shortened = (parts: readonly string[]): string =>
  parts.length <= shownMax ? parts.join('; ') : `${parts.slice(0, shownMax).join('; ')}; and ${parts.length - shownMax} more`;
