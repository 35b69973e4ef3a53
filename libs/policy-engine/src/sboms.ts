import type { ImageInspected, SbomEvidence } from '@waybill/domain';

/**
 * What tools attach SBOMs as. Sources: IANA's registry of media types for SPDX and CycloneDX; syft, cosign and Harbor keep types of their
 * own.
 */
const formats: readonly (readonly [type: RegExp, format: string])[] = [
  [/^(?:text|application)\/(?:vnd\.)?spdx\b/, 'spdx'],
  [/^application\/vnd\.cyclonedx\b/, 'cyclonedx'],
  [/^application\/vnd\.syft\b/, 'syft'],
  [/^application\/vnd\.goharbor\.harbor\.sbom\b/, 'spdx'],
  [/^application\/vnd\.dev\.cosign\.artifact\.sbom\b/, 'unknown'],
];

const formatOf = (artifactType: string | null): string | undefined => formats.find(([type]) => type.test(artifactType ?? ''))?.[1];

/** Which of the artifacts that are attached to an image are SBOMs. */
export const sbomsAmong = (attached: readonly Pick<ImageInspected, 'digest' | 'artifactType'>[]): readonly SbomEvidence[] =>
  attached.flatMap(({ digest, artifactType }) => {
    const format = formatOf(artifactType);
    return format === undefined ? [] : [{ digest, format }];
  });

/** Each once, in the order of their digests: the same in whatever order they become known. */
export const joined = (known: readonly SbomEvidence[] | null, more: readonly SbomEvidence[]): readonly SbomEvidence[] =>
  [...new Map([...(known ?? []), ...more].map((sbom) => [sbom.digest, sbom])).values()].toSorted((a, b) => (a.digest < b.digest ? -1 : 1));
