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

/** Types of in-toto predicates that are SBOMs. Source: in-toto/attestation, `spec/predicates`; syft has one of its own. */
const predicateFormats: readonly (readonly [type: RegExp, format: string])[] = [
  [/^https:\/\/spdx\.dev\/Document\b/, 'spdx'],
  [/^https:\/\/cyclonedx\.org\/bom\b/, 'cyclonedx'],
  [/^https:\/\/syft\.dev\/bom\b/, 'syft'],
];

/** Which predicates that a manifest attests are SBOMs; it stands for them. */
export const sbomsAttested = ({ digest, predicateTypes }: Pick<ImageInspected, 'digest' | 'predicateTypes'>): readonly SbomEvidence[] =>
  predicateTypes.flatMap((predicate) => predicateFormats.flatMap(([type, format]) => (type.test(predicate) ? [{ digest, format }] : [])));

/** Which of the artifacts that are attached to an image are SBOMs. */
export const sbomsAmong = (attached: readonly Pick<ImageInspected, 'digest' | 'artifactType'>[]): readonly SbomEvidence[] =>
  attached.flatMap(({ digest, artifactType }) => {
    const format = formatOf(artifactType);
    return format === undefined ? [] : [{ digest, format }];
  });

/** Each once, in order: the same in whatever order they become known. */
export const joined = (known: readonly SbomEvidence[] | null, more: readonly SbomEvidence[]): readonly SbomEvidence[] =>
  [...new Map([...(known ?? []), ...more].map((sbom) => [`${sbom.digest} ${sbom.format}`, sbom])).entries()]
    .toSorted(([a], [b]) => (a < b ? -1 : 1))
    .map(([, sbom]) => sbom);
