import type { DecisionState, EventOf, ImageEvidence, ImageInspected, ScanReported } from '@waybill/domain';
import type { Evidence, Inspection, ScanFact } from './evidence.ts';
import { joined, sbomsAmong, sbomsAttested } from './sboms.ts';
import { isTrustedOtherwise, joinedSignatures, signersOf } from './signatures.ts';

/**
 * What is known of a manifest, as `apps/policy` keeps it in the log, folded from events. Here and not there, so that whoever has the log
 * alone comes to the same evidence, and by it to the same decision: each names the events that it was made from.
 */

/** Bounds of one row. What goes over them is denied with a reason, never cut in silence. */
export const evidenceBounds = {
  platformsMax: 256,
  scansMax: 512,
  /** Over all scans of a row, in equal shares: what a scan has beyond its share counts as omitted. */
  findingsMax: 5_000,
  sbomsMax: 100,
  labelsMax: 256,
  labelKeyLengthMax: 256,
  labelValueLengthMax: 1_024,
  tagsMax: 1_000,
} as const;

export const emptyEvidence = ({ registry, repository }: Pick<ImageEvidence, 'registry' | 'repository'>, digest: string): ImageEvidence => ({
  ...{ registry, repository, digest },
  ...{ inspected: false, inspectionFailure: null, inspectionEventId: null },
  ...{ kind: '', labels: {}, platformDigests: [], platforms: [], sizeBytes: null },
  ...{ scans: [], sboms: null, signatures: null, trustSha256: null, tags: [] },
});

/** What an inspection adds. A digest's facts never change, so that a second one says the same, but for what can be verified of it. */
export function withInspection(evidence: ImageEvidence, { data, meta }: EventOf<'ImageInspected'>): ImageEvidence {
  const { kind, labels, platforms, totalBytes, referrers, signatures, trustSha256 } = data;
  const inspectionEventId = meta.id;
  // What an artifact attests is about its subject.
  const inside = kind === 'artifact' ? [] : sbomsAttested(data);
  const failure = tooLarge(platforms.length, Object.keys(labels).length);
  if (failure !== null) return { ...evidence, inspectionFailure: failure, inspectionEventId };
  const kept = Object.entries(labels).filter(([name]) => name.length <= evidenceBounds.labelKeyLengthMax);
  return {
    ...evidence,
    ...{ inspected: true, inspectionFailure: null, inspectionEventId, kind },
    // No policy can ask for more of a value than this; that the label is there stays known.
    labels: Object.fromEntries(kept.map(([name, value]) => [name, value.slice(0, evidenceBounds.labelValueLengthMax)])),
    platformDigests: [...new Set(platforms.map(({ digest }) => digest))],
    platforms: [...new Set(platforms.map(({ os, architecture, variant }) => [os, architecture, ...(variant ? [variant] : [])].join('/')))],
    sizeBytes: totalBytes,
    sboms: joined(evidence.sboms, [...sbomsAmong(referrers), ...inside]).slice(0, evidenceBounds.sbomsMax),
    signatures: signatures && joinedSignatures(isTrustedOtherwise(evidence, trustSha256) ? null : evidence.signatures, signatures),
    trustSha256,
  };
}

function tooLarge(platforms: number, labels: number): string | null {
  const { platformsMax, labelsMax } = evidenceBounds;
  if (platforms > platformsMax) return `PLATFORMS_TOO_MANY: ${platforms} platforms, at most ${platformsMax} are taken`;
  if (labels > labelsMax) return `LABELS_TOO_MANY: ${labels} labels, at most ${labelsMax} are taken`;
  return null;
}

/** What its failure adds, unless an inspection has succeeded before. */
export function withFailedInspection(evidence: ImageEvidence, { data, meta }: EventOf<'ImageInspectionFailed'>): ImageEvidence {
  if (evidence.inspected) return evidence;
  return { ...evidence, inspectionFailure: `${data.code}: ${data.reason}`, inspectionEventId: meta.id };
}

/** With a verdict, unless a newer one of that digest is there or the row is full. */
export function withScan(evidence: ImageEvidence, report: ScanReported): ImageEvidence {
  const { digest, outcome, worstSeverity, reason, scannedAtMs, scanEventId, findings, findingsOmitted } = report;
  const known = evidence.scans.find((scan) => scan.digest === digest);
  if (known !== undefined && known.scannedAtMs > scannedAtMs) return evidence;
  const others = evidence.scans.filter((scan) => scan.digest !== digest);
  if (others.length >= evidenceBounds.scansMax) return evidence;
  const scan = { digest, outcome, worstSeverity, reason, scannedAtMs, scanEventId, findings, findingsOmitted };
  return { ...evidence, scans: inShares([...others, scan]) };
}

/** The share follows from how many scans there are, so that it is the same in whatever order they came. */
function inShares(scans: ImageEvidence['scans']): ImageEvidence['scans'] {
  const share = Math.floor(evidenceBounds.findingsMax / scans.length);
  return scans.map((scan) => {
    const { findings, findingsOmitted } = scan;
    if (findings === null || findings.length <= share) return scan;
    return { ...scan, findings: findings.slice(0, share), findingsOmitted: findingsOmitted + findings.length - share };
  });
}

/** What is attached to a manifest and was read. */
export type Attached = Pick<ImageInspected, 'digest' | 'artifactType' | 'subjectSignatures' | 'predicateTypes'>;

/** With what was found to be attached to it; itself where that is neither an SBOM nor a signature, or a known one. */
export const withAttached = (evidence: ImageEvidence, attached: Attached): ImageEvidence =>
  withAttachedSignatures(withAttachedSbom(evidence, attached), attached);

function withAttachedSbom(evidence: ImageEvidence, attached: Attached): ImageEvidence {
  const { sboms } = evidence;
  const all = joined(sboms, [...sbomsAmong([attached]), ...sbomsAttested(attached)]);
  const isNews = all.length > (sboms?.length ?? 0) && all.length <= evidenceBounds.sbomsMax;
  return isNews ? { ...evidence, sboms: all } : evidence;
}

function withAttachedSignatures(evidence: ImageEvidence, { subjectSignatures }: Attached): ImageEvidence {
  if (subjectSignatures.length === 0) return evidence;
  const signatures = joinedSignatures(evidence.signatures, subjectSignatures);
  return JSON.stringify(signatures) === JSON.stringify(evidence.signatures) ? evidence : { ...evidence, signatures };
}

/** The evidence of a tag as the rows of the log hold it: what `apps/policy` decides by, and whoever asks what it would decide. */
export const recordedEvidence = (
  { registry, repository, tag, digest }: Pick<DecisionState, 'registry' | 'repository' | 'tag' | 'digest'>,
  recorded: ImageEvidence,
): Evidence => ({
  ...{ registry, repository, tag, digest, inspection: inspectionOf(recorded), scans: recorded.scans.map(scanFactOf) },
  ...(!recorded.tags.includes(tag) && { cannotWait: true as const }),
  ...(recorded.inspected && recorded.sboms !== null && { sboms: recorded.sboms }),
  ...(recorded.inspected && recorded.signatures !== null && { signatures: signersOf(recorded.signatures) }),
});

const scanFactOf = ({ scanEventId: _, findings, ...scan }: ImageEvidence['scans'][number]): ScanFact => ({
  ...scan,
  ...(findings !== null && { findings }),
});

function inspectionOf({ inspected, inspectionFailure, ...known }: ImageEvidence): Inspection {
  if (inspectionFailure !== null) return { status: 'failed', reason: inspectionFailure };
  if (!inspected) return { status: 'missing' };
  const { kind, labels, platformDigests, platforms, sizeBytes } = known;
  return {
    ...{ status: 'done', kind, labels, platformDigests },
    ...(platforms.length > 0 && { platforms }),
    ...(sizeBytes !== null && { sizeBytes }),
  };
}
