import type { Digest } from '@waybill/domain';
import { mapConcurrently } from '../host/concurrent.ts';
import { toInlineDescriptor, type DescriptorDocument } from '../descriptor/descriptor.ts';
import type { RegistryClient } from '../host/client.ts';
import { contentFaultOf, type ContentFault } from '../host/errors.ts';
import { blobsOf, childrenOf, findManifestDigest, getManifest, type Manifest } from '../manifest/manifest.ts';
import { cosignTags, listReferrers } from '../referrer/referrers.ts';
import { createManifestReader, namedIn, type Named } from './manifest-reader.ts';

/** Something that belongs to an image and is not at a registry as it should be. */
export type PartFault = {
  /** `link`: the registry does not list `name` as referring to `namedBy`. `tag`: one that names `namedBy` by its digest. */
  readonly kind: 'manifest' | 'blob' | 'link' | 'tag';
  /** A digest; of a `tag`, the tag. */
  readonly name: string;
  readonly sizeBytes: number | null;
  /** The manifest that it belongs to. */
  readonly namedBy: Digest;
  readonly fault: ContentFault;
};
export type SurveyedReferrer = { readonly subject: Digest; readonly descriptor: DescriptorDocument };
export type DigestTag = { readonly tag: string; readonly subject: Digest; readonly digest: Digest };

/** All that belongs to an image, as far as it is there. */
export type ImageSurvey = {
  readonly root: Manifest;
  /** Those that could be read, parents before their children. */
  readonly manifests: ReadonlyMap<Digest, Manifest>;
  /** Configs and layers, each once, with a manifest that names them. */
  readonly blobs: ReadonlyMap<Digest, Named>;
  readonly referrers: readonly SurveyedReferrer[];
  /** Tags that name a manifest of the image by its digest, as cosign writes them. */
  readonly digestTags: readonly DigestTag[];
  readonly faults: readonly PartFault[];
};

export type SurveyQuery = {
  readonly repository: string;
  /** Tag or digest. */
  readonly reference: string;
  /** Whether what refers to the image is looked for, and what refers to that. */
  readonly referrers: boolean;
};

const bounds = { manifestsMax: 2_000, levelsMax: 16 };
const atOnceMax = 8;

/**
 * Reads the manifests of an image and what refers to them, and goes on where one is missing. Blobs are not asked for: `checkImage` does
 * that.
 * @throws OciError where the registry fails, or the image's own manifest cannot be read
 */
export async function surveyImage(client: RegistryClient, query: SurveyQuery, signal: AbortSignal): Promise<ImageSurvey> {
  const { repository } = query;
  const root = await getManifest(client, query, signal);
  const referrers: SurveyedReferrer[] = [];
  const faults: PartFault[] = [];
  const refer = async (subject: Digest, either: AbortSignal): Promise<readonly Named[]> => {
    const found = await listReferrers(client, { repository, digest: subject }, either);
    referrers.push(...found.map((descriptor) => ({ subject, descriptor })));
    return found.map((descriptor) => ({ descriptor: toInlineDescriptor(descriptor), namedBy: subject }));
  };
  const reader = createManifestReader(
    client,
    {
      ...{ repository, ...bounds },
      async follow(level) {
        const digests = level.map(({ descriptor }) => descriptor.digest);
        const referring = query.referrers ? await mapConcurrently(digests, atOnceMax, signal, refer) : [];
        return [...level.flatMap((manifest) => namedIn(manifest, childrenOf(manifest))), ...referring.flat()];
      },
      onUnread: (named, error) => void faults.push(partFault('manifest', named, faultOf(error))),
    },
    signal,
  );
  const { manifests } = reader;
  await reader.readBelow([root]);
  const tagged = query.referrers ? await findDigestTags(client, repository, ownOf(root, manifests), signal) : [];
  await reader.readBelow(tagged.map(({ manifest }) => manifest));
  return {
    ...{ root, manifests, referrers, faults },
    blobs: new Map(
      [...manifests.values()].flatMap((manifest) => namedIn(manifest, blobsOf(manifest))).map((named) => [named.descriptor.digest, named]),
    ),
    digestTags: tagged.map(({ tag, subject, manifest }) => ({ tag, subject, digest: manifest.descriptor.digest })),
  };
}

/** @throws what says nothing about the content */
export function faultOf(error: unknown): ContentFault {
  const fault = contentFaultOf(error);
  if (fault === undefined) throw error;
  return fault;
}

export const partFault = (kind: PartFault['kind'], { descriptor, namedBy }: Named, fault: PartFault['fault']): PartFault => ({
  kind,
  name: descriptor.digest,
  sizeBytes: descriptor.sizeBytes,
  namedBy,
  fault,
});

/** The image's own manifest and those below it, without what only refers to them. */
function ownOf(root: Manifest, manifests: ReadonlyMap<Digest, Manifest>): readonly Digest[] {
  const own = new Set([root.descriptor.digest]);
  for (const digest of own) {
    const manifest = manifests.get(digest);
    for (const child of manifest ? childrenOf(manifest) : []) own.add(child.digest);
  }
  return [...own];
}

async function findDigestTags(
  client: RegistryClient,
  repository: string,
  subjects: readonly Digest[],
  signal: AbortSignal,
): Promise<readonly { readonly tag: string; readonly subject: Digest; readonly manifest: Manifest }[]> {
  const wanted = subjects.flatMap((subject) => cosignTags(subject).map((tag) => ({ subject, tag })));
  const found = await mapConcurrently(wanted, atOnceMax, signal, async ({ subject, tag }, either) => {
    // Asked for by HEAD first: some registries count a GET of what is not there against the rate limit.
    if ((await findManifestDigest(client, { repository, reference: tag }, either)) === undefined) return [];
    return [{ tag, subject, manifest: await getManifest(client, { repository, reference: tag }, either) }];
  });
  return found.flat();
}
