import type { ImageEvidence, ImageInspected, ScanReported } from '@waybill/domain';

/** Bounds of one row. What goes over them is denied with a reason, never cut in silence. */
export const bounds = {
  platformsMax: 256,
  scansMax: 512,
  labelsMax: 256,
  labelKeyLengthMax: 256,
  labelValueLengthMax: 1_024,
  tagsMax: 1_000,
};

type Image = { readonly registry: string; readonly repository: string };

export const emptyEvidence = ({ registry, repository }: Image, digest: string): ImageEvidence => ({
  registry,
  repository,
  digest,
  inspected: false,
  inspectionFailure: null,
  kind: '',
  labels: {},
  platformDigests: [],
  scans: [],
  tags: [],
});

/** What an inspection adds. A digest's facts never change, so that a second one says the same. */
export function withInspection(evidence: ImageEvidence, { kind, labels, platforms }: ImageInspected): ImageEvidence {
  const failure = tooLarge(platforms.length, Object.keys(labels).length);
  if (failure !== null) return { ...evidence, inspectionFailure: failure };
  const kept = Object.entries(labels).filter(([name]) => name.length <= bounds.labelKeyLengthMax);
  return {
    ...evidence,
    inspected: true,
    inspectionFailure: null,
    kind,
    // No policy can ask for more of a value than this; that the label is there stays known.
    labels: Object.fromEntries(kept.map(([name, value]) => [name, value.slice(0, bounds.labelValueLengthMax)])),
    platformDigests: [...new Set(platforms.map(({ digest }) => digest))],
  };
}

function tooLarge(platforms: number, labels: number): string | null {
  if (platforms > bounds.platformsMax) return `PLATFORMS_TOO_MANY: ${platforms} platforms, at most ${bounds.platformsMax} are taken`;
  if (labels > bounds.labelsMax) return `LABELS_TOO_MANY: ${labels} labels, at most ${bounds.labelsMax} are taken`;
  return null;
}

/** With a verdict, unless a newer one of that digest is there or the row is full. */
export function withScan(evidence: ImageEvidence, report: ScanReported): ImageEvidence {
  const { digest, outcome, worstSeverity, reason, scannedAtMs, scanEventId } = report;
  const known = evidence.scans.find((scan) => scan.digest === digest);
  if (known !== undefined && known.scannedAtMs > scannedAtMs) return evidence;
  const others = evidence.scans.filter((scan) => scan.digest !== digest);
  if (others.length >= bounds.scansMax) return evidence;
  return { ...evidence, scans: [...others, { digest, outcome, worstSeverity, reason, scannedAtMs, scanEventId }] };
}

export const withTag = (evidence: ImageEvidence, tag: string): ImageEvidence =>
  evidence.tags.includes(tag) || evidence.tags.length >= bounds.tagsMax ? evidence : { ...evidence, tags: [...evidence.tags, tag] };

export const withoutTag = (evidence: ImageEvidence, tag: string): ImageEvidence => ({
  ...evidence,
  tags: evidence.tags.filter((other) => other !== tag),
});
