import type { Digest } from '@waybill/domain';
import { isAttestation, type DescriptorDocument } from '../descriptor/descriptor.ts';
import type { RegistryClient } from '../host/client.ts';
import { mapConcurrently } from '../host/concurrent.ts';
import { contentFaultOf } from '../host/errors.ts';
import { getManifest, type Manifest } from '../manifest/manifest.ts';

/** Attestations of an index that are read; of one with more platforms nothing is said. */
const attestationsMax = 64;
const readsAtOnceMax = 4;
const typesMax = 20;
const typeLengthMax = 200;

type Annotations = Readonly<Record<string, string>>;
/** How those who attest say what a layer is: BuildKit, cosign in its older form, and bundles on their manifest. */
const layerAnnotations = ['in-toto.io/predicate-type', 'predicateType'];
const bundleAnnotation = 'dev.sigstore.bundle.predicateType';

/**
 * What a manifest says that it attests: types of in-toto predicates, as `https://spdx.dev/Document`. Nobody has verified it.
 * Sources: moby/buildkit, `docs/attestations/attestation-storage.md`; sigstore/cosign, `specs/BUNDLE_SPEC.md`.
 */
export function predicateTypesOf({ kind, document }: Manifest): readonly string[] {
  if (kind === 'index') return [];
  const ofLayers = document.layers.flatMap(({ annotations = {} }) => layerAnnotations.flatMap((name) => annotations[name] ?? []));
  const types = [...(document.annotations?.[bundleAnnotation] === undefined ? [] : [document.annotations[bundleAnnotation]]), ...ofLayers];
  return [...new Set(types.filter(({ length }) => length <= typeLengthMax))].toSorted().slice(0, typesMax);
}

/** What BuildKit attests to each and every platform of an index, in manifests beside them. */
export async function readPlatformPredicateTypes(
  client: RegistryClient,
  repository: string,
  index: Manifest,
  platforms: readonly Digest[],
  signal: AbortSignal,
): Promise<readonly string[]> {
  const attested = index.kind === 'index' ? index.document.manifests.filter((child) => platforms.includes(subjectOf(child))) : [];
  if (platforms.length === 0 || attested.length > attestationsMax) return [];
  const read = await mapConcurrently(attested, readsAtOnceMax, signal, async (child, either) => {
    const types = await readTypes(client, repository, child, either);
    return types.map((type) => [type, subjectOf(child)] as const);
  });
  const byType = Map.groupBy(read.flat(), ([type]) => type);
  const isOfAll = ([, found]: [string, (readonly [string, Digest])[]]): boolean =>
    new Set(found.map(([, of]) => of)).size === platforms.length;
  return [...byType]
    .filter(isOfAll)
    .map(([type]) => type)
    .toSorted();
}

/** The platform that a child of an index attests something to; empty for one that is no attestation. */
const subjectOf = (child: DescriptorDocument): Digest => {
  const annotations: Annotations = child.annotations ?? {};
  const isIt = isAttestation(child) && annotations['vnd.docker.reference.type'] === 'attestation-manifest';
  return (isIt ? (annotations['vnd.docker.reference.digest'] ?? '') : '') as Digest;
};

/** Nothing of one that is damaged or gone: the image is what it is without it. */
async function readTypes(client: RegistryClient, repository: string, { digest }: DescriptorDocument, signal: AbortSignal) {
  try {
    return predicateTypesOf(await getManifest(client, { repository, reference: digest }, signal));
  } catch (error) {
    if (contentFaultOf(error) === undefined) throw error;
    return [];
  }
}
