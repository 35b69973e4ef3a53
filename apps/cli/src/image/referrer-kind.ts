/** What people call what refers to an image. */
export type ReferrerKind = 'signature' | 'sbom' | 'attestation' | 'scan' | 'artifact';

/** By artifact types in use, and by the endings of cosign's tags. The first that fits counts. */
const kinds: readonly (readonly [RegExp, ReferrerKind])[] = [
  [/^application\/vnd\.dev\.sigstore\.bundle/, 'signature'],
  [/^application\/vnd\.dev\.cosign\.(artifact\.sig|simplesigning)|^application\/vnd\.cncf\.notary\.signature$|^\.sig$/, 'signature'],
  [/spdx|cyclonedx|application\/vnd\.syft|\bsbom\b/, 'sbom'],
  [/in-toto|\bdsse\b|attestation|slsa|^\.att$/, 'attestation'],
  [/sarif|vulnerabilit/, 'scan'],
];

/** The annotation by which Sigstore's bundles, which all have one type, say what they state. */
const predicateTypeOf = 'dev.sigstore.bundle.predicateType';

export function kindOfReferrer(type: string, annotations: Readonly<Record<string, string>> = {}): ReferrerKind {
  const predicate = annotations[predicateTypeOf];
  // A signature of cosign 3 is a statement too, with a predicate of its own.
  if (predicate !== undefined && !predicate.includes('cosign/sign')) return kindOf(predicate) ?? 'attestation';
  return kindOf(type) ?? 'artifact';
}

const kindOf = (type: string): ReferrerKind | undefined => kinds.find(([pattern]) => pattern.test(type))?.[1];
