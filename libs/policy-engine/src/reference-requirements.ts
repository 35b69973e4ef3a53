import type { Decision } from './evaluate.ts';
import type { Evidence, ScanFact } from './evidence.ts';
import { compilePattern } from './pattern/pattern.ts';
import type { Policy } from './policy.ts';
import { rank } from './severity.ts';
import type { Question } from './surroundings.ts';

type Spec = Policy['document']['spec'];
type Require = NonNullable<Spec['require']>;
/** What stands against an image, or what is awaited: nothing, where a requirement holds. */
type Said = Decision['code'] | readonly string[];
type Match = {
  readonly matches: (match: Spec['match'], evidence: Evidence) => boolean | 'unknown';
  readonly awaitedFor: (match: Spec['match'], evidence: Evidence) => readonly string[];
};

/** What a policy that matches says, to be read as the specification: a bad fact denies, else a missing one holds. */
export function referenceRuling(
  { document: { spec } }: Policy,
  question: Question,
  match: Match,
): Pick<Decision, 'outcome' | 'code' | 'awaiting'> {
  const { inspection } = question.evidence;
  const deny = (code: Decision['code']) => ({ outcome: 'deny', code, awaiting: [] }) as const;
  if (spec.effect === 'deny') return deny('DENIED_BY_POLICY');
  if (inspection.status === 'failed') return deny('INSPECTION_FAILED');
  const said = [inspection.status === 'missing' ? ['inspection'] : [], ...answersTo(spec.require ?? {}, question, match)];
  const objection = said.find((each) => typeof each === 'string');
  if (objection !== undefined) return deny(objection);
  const awaiting = [...new Set(said.flat())];
  return awaiting.length > 0
    ? { outcome: 'held', code: 'FACTS_AWAITED', awaiting }
    : { outcome: 'allow', code: 'REQUIREMENTS_MET', awaiting };
}

/** In the order in which they are asked. */
function answersTo(require: Require, question: Question, match: Match): readonly Said[] {
  const { registries, tag, digestOnly, labels, scan, noFindings, sbom, signedBy } = require;
  const { evidence } = question;
  const { inspection, sboms, signatures } = evidence;
  const said: Said[] = [];
  if (registries && !registries.some((text) => compilePattern(text).test(evidence.registry))) said.push('REGISTRY_NOT_ALLOWED');
  const forbidden = [...(tag?.notLatest ? ['latest'] : []), ...(tag?.noneOf ?? [])];
  if (forbidden.some((text) => compilePattern(text).test(evidence.tag))) said.push('TAG_FORBIDDEN');
  if (digestOnly && evidence.namedBy !== 'digest') said.push(evidence.namedBy === undefined ? ['how it is named'] : 'DIGEST_REQUIRED');
  if (labels && inspection.status !== 'done') said.push(['inspection']);
  else if (inspection.status === 'done') {
    const { labels: known } = inspection;
    const hasAll = Object.entries(labels ?? {}).every(
      ([name, value]) => Object.hasOwn(known, name) && (value === '*' || known[name] === value),
    );
    if (!hasAll) said.push('LABELS_MISSING');
  }
  if (scan) said.push(answerToScan(scan, question, match));
  if (noFindings) said.push(answerToFindings(noFindings, question, match));
  const formats: readonly string[] | undefined = sbom?.formats;
  if (sbom && sboms === undefined) said.push(['sbom']);
  else if (sbom && !sboms?.some(({ format }) => formats?.includes(format) ?? true)) said.push('SBOM_MISSING');
  if (signedBy && signatures === undefined) said.push(['signatures']);
  else if (signedBy && signatures?.length === 0) said.push('SIGNATURE_MISSING');
  else if (signedBy && !signatures?.some((signature) => signedBy.some((signer) => isBy(signer, signature))))
    said.push('SIGNER_NOT_ACCEPTED');
  return said;
}

function isBy(signer: NonNullable<Require['signedBy']>[number], signature: NonNullable<Evidence['signatures']>[number]): boolean {
  if ('key' in signature) return signature.key === signer.key;
  return signature.issuer === signer.issuer && signer.subject !== undefined && compilePattern(signer.subject).test(signature.subject);
}

function answerToScan({ withinHours, worstSeverity }: NonNullable<Require['scan']>, question: Question, match: Match): Said {
  const isOld = ({ scannedAtMs }: ScanFact): boolean => question.atMs - scannedAtMs > withinHours * 3_600_000;
  const scans = scansOf(question.evidence, (scan) => (isOld(scan) ? `the last is older than ${withinHours} h` : ''));
  if (typeof scans === 'string' || typeof scans[0] === 'string') return scans as Said;
  const awaiting: string[] = [];
  for (const { worstSeverity: worst, findings = [], findingsOmitted = 0 } of scans as readonly ScanFact[]) {
    if (rank(worst) <= rank(worstSeverity)) continue;
    const over = findings.filter(({ severity }) => rank(severity) > rank(worstSeverity));
    const excepted = over.map((finding) => isExcepted(finding, question, match));
    // Nobody can except what is not listed; what a list leaves out is no worse than the last that it has.
    const isUnlisted = over.length === 0 || (findingsOmitted > 0 && over.length === findings.length);
    if (isUnlisted || excepted.includes(false)) return 'SEVERITY_TOO_HIGH';
    awaiting.push(...excepted.flatMap((each) => (typeof each === 'boolean' ? [] : each)));
  }
  return awaiting;
}

function answerToFindings(unwanted: readonly string[], question: Question, match: Match): Said {
  const isUnlisted = ({ findings, worstSeverity }: ScanFact): boolean => findings === undefined && worstSeverity !== 'none';
  const scans = scansOf(question.evidence, (scan) => (isUnlisted(scan) ? 'the last does not list what it found' : ''));
  if (typeof scans === 'string' || typeof scans[0] === 'string') return scans as Said;
  const excepted = new Map(unwanted.map((id) => [id, isExcepted({ id, severity: undefined }, question, match)]));
  const awaiting: string[] = [];
  let cannotBeRuledOut = false;
  for (const { findings = [], findingsOmitted = 0 } of scans as readonly ScanFact[]) {
    for (const id of unwanted) {
      const isThere = findings.some((finding) => finding.id === id);
      if (!isThere && findingsOmitted === 0) continue;
      const answer = excepted.get(id)!;
      if (isThere && answer === false) return 'FINDING_PRESENT';
      if (answer === false) cannotBeRuledOut = true;
      else if (answer !== true) awaiting.push(...answer);
    }
  }
  return cannotBeRuledOut ? 'FINDINGS_OMITTED' : awaiting;
}

/** One verdict per platform, or what is said in their place. @param whyNot why a verdict does not count */
function scansOf({ inspection, scans }: Evidence, whyNot: (scan: ScanFact) => string): readonly ScanFact[] | Said {
  if (inspection.status !== 'done') return ['inspection'];
  if (inspection.platformDigests.length === 0) return 'NOTHING_TO_SCAN';
  const found = inspection.platformDigests.map((digest) => ({ digest, scan: scans.find((scan) => scan.digest === digest) }));
  const missing = found.filter(({ scan }) => scan === undefined || whyNot(scan) !== '');
  if (missing.length > 0) return missing.map(({ digest, scan }) => `scan of ${digest}${scan === undefined ? '' : ` (${whyNot(scan)})`}`);
  const verdicts = found.map(({ scan }) => scan!);
  return verdicts.every(({ outcome }) => outcome === 'scanned') ? verdicts : 'SCAN_FAILED';
}

/** @returns what has to be known before it can be said */
function isExcepted(
  { id, severity }: { readonly id: string; readonly severity: string | undefined },
  { evidence, atMs, surroundings }: Question,
  match: Match,
): boolean | readonly string[] {
  const counting = [...surroundings.Exception.values()].filter(({ metadata, spec }) => {
    if (spec.finding !== id || atMs >= Date.parse(spec.expiresAt)) return false;
    if (metadata.tenant === undefined) return true;
    const worst = surroundings.Tenant.get(metadata.tenant)?.spec.mayExcept?.worstSeverity;
    const isAllowed = worst !== undefined && severity !== undefined && rank(severity) <= rank(worst);
    return isAllowed && evidence.tenant === metadata.tenant;
  });
  const answers = counting.map(({ spec }) => match.matches(spec.match ?? {}, evidence));
  if (answers.includes(true)) return true;
  const unknown = counting.filter((_, at) => answers[at] === 'unknown');
  return unknown.length > 0 && unknown.flatMap(({ spec }) => match.awaitedFor(spec.match ?? {}, evidence));
}
