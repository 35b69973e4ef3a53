/** What a manifest is, as far as a payload tells; the inspector reads the manifest itself later. */
export type ArtifactKind = 'image' | 'index' | 'helm-chart' | 'signature' | 'sbom' | 'attestation' | 'artifact' | 'unknown';

const indexTypes: ReadonlySet<unknown> = new Set([
  'application/vnd.oci.image.index.v1+json',
  'application/vnd.docker.distribution.manifest.list.v2+json',
]);
const imageConfigTypes: ReadonlySet<unknown> = new Set([
  'application/vnd.oci.image.config.v1+json',
  'application/vnd.docker.container.image.v1+json',
]);

/** By artifact type (OCI image spec 1.1) or media type of the config; the first match counts. */
const knownTypes: readonly (readonly [RegExp, ArtifactKind])[] = [
  [/^application\/vnd\.cncf\.helm\./, 'helm-chart'],
  [/^application\/vnd\.(?:dev\.cosign\.artifact\.sig|dev\.cosign\.simplesigning|cncf\.notary\.signature)/, 'signature'],
  [/^application\/(?:spdx|vnd\.cyclonedx|vnd\.syft|vnd\.dev\.cosign\.artifact\.sbom)/, 'sbom'],
  [/^application\/vnd\.(?:in-toto|dsse|dev\.sigstore\.bundle|dev\.cosign\.attestation)/, 'attestation'],
];

/** Tags that cosign derives from the digest of what it signs (cosign, "Signature spec", "Storage"). */
const cosignTag = /^sha256-[a-f0-9]{64}\.(sig|sbom|att)$/;
const cosignKinds = { sig: 'signature', sbom: 'sbom', att: 'attestation' } as const;

/** Total; types of any shape. A manifest's media type alone does not say "image": charts and signatures share it. */
export function artifactKindOf(
  about: { readonly mediaType?: unknown; readonly configMediaType?: unknown; readonly artifactType?: unknown },
  tags: readonly string[],
): ArtifactKind {
  const { mediaType, configMediaType, artifactType } = about;
  for (const type of [artifactType, configMediaType]) {
    const known = typeof type === 'string' ? knownTypes.find(([pattern]) => pattern.test(type)) : undefined;
    if (known !== undefined) return known[1];
  }
  for (const tag of tags) {
    const suffix = cosignTag.exec(tag)?.[1] as keyof typeof cosignKinds | undefined;
    if (suffix !== undefined) return cosignKinds[suffix];
  }
  if (indexTypes.has(mediaType)) return 'index';
  if (imageConfigTypes.has(configMediaType)) return 'image';
  return typeof artifactType === 'string' && artifactType !== '' && !imageConfigTypes.has(artifactType) ? 'artifact' : 'unknown';
}
