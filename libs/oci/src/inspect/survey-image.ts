import type { Digest } from '@waybill/domain';
import { mapConcurrently } from '../host/concurrent.ts';
import { toDescriptor, type Descriptor, type DescriptorDocument } from '../descriptor/descriptor.ts';
import type { RegistryClient } from '../host/client.ts';
import { OciError, type OciErrorCode } from '../host/errors.ts';
import { blobsOf, childrenOf, findManifestDigest, getManifest, type Manifest } from '../manifest/manifest.ts';
import { cosignTags, listReferrers } from '../referrer/referrers.ts';

/** Something that belongs to an image and is not at a registry as it should be. */
export type PartFault = {
  /** `link`: the registry does not list `name` as referring to `namedBy`. `tag`: one that names `namedBy` by its digest. */
  readonly kind: 'manifest' | 'blob' | 'link' | 'tag';
  /** A digest; of a `tag`, the tag. */
  readonly name: string;
  readonly sizeBytes: number | null;
  /** The manifest that it belongs to. */
  readonly namedBy: Digest;
  readonly fault: 'missing' | 'size' | 'digest' | 'invalid';
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

const manifestsMax = 2_000;
const manifestBytesTotalMax = 64 * 1_024 * 1_024;
const levelsMax = 16;
const atOnceMax = 8;

/** What stands for an answer about content. Any other failure is the registry's, and says nothing about the image. */
const faultOfCode: Partial<Readonly<Record<OciErrorCode, PartFault['fault']>>> = {
  CONTENT_NOT_FOUND: 'missing',
  CONTENT_SIZE_MISMATCH: 'size',
  CONTENT_DIGEST_MISMATCH: 'digest',
  CONTENT_TOO_LARGE: 'size',
  MANIFEST_INVALID: 'invalid',
  MANIFEST_UNSUPPORTED: 'invalid',
};

export type Named = { readonly descriptor: Descriptor; readonly namedBy: Digest };

/**
 * Reads the manifests of an image and what refers to them, and goes on where one is missing. Blobs are not asked for: `checkImage` does
 * that.
 * @throws OciError where the registry fails, or the image's own manifest cannot be read
 */
export async function surveyImage(client: RegistryClient, query: SurveyQuery, signal: AbortSignal): Promise<ImageSurvey> {
  const { repository } = query;
  const root = await getManifest(client, query, signal);
  const walk = createWalk(client, query, root, signal);
  await walk.below([root]);
  const own = ownOf(root, walk.manifests);
  const tagged = query.referrers ? await findDigestTags(client, repository, own, signal) : [];
  await walk.below(tagged.map(({ manifest }) => manifest));
  return {
    root,
    manifests: walk.manifests,
    blobs: new Map(
      [...walk.manifests.values()]
        .flatMap((manifest) => namedIn(manifest, blobsOf(manifest)))
        .map((named) => [named.descriptor.digest, named]),
    ),
    referrers: walk.referrers,
    digestTags: tagged.map(({ tag, subject, manifest }) => ({ tag, subject, digest: manifest.descriptor.digest })),
    faults: walk.faults,
  };
}

function createWalk(client: RegistryClient, { repository, referrers: refers }: SurveyQuery, root: Manifest, signal: AbortSignal) {
  const manifests = new Map<Digest, Manifest>();
  const referrers: SurveyedReferrer[] = [];
  const faults: PartFault[] = [];
  const seen = new Set<Digest>();

  const read = async (named: Named, either: AbortSignal): Promise<readonly Manifest[]> => {
    const { digest, sizeBytes } = named.descriptor;
    try {
      return [await getManifest(client, { repository, reference: digest, sizeBytes }, either)];
    } catch (error) {
      faults.push(partFault('manifest', named, faultOf(error)));
      return [];
    }
  };
  const refer = async (subject: Digest, either: AbortSignal): Promise<readonly Named[]> => {
    const found = await listReferrers(client, { repository, digest: subject }, either);
    referrers.push(...found.map((descriptor) => ({ subject, descriptor })));
    return found.map((descriptor) => ({ descriptor: toDescriptor(descriptor), namedBy: subject }));
  };

  /** Level by level, so that what is on one is read at once. */
  const below = async (start: readonly Manifest[]): Promise<void> => {
    let level = start.filter(({ descriptor }) => !seen.has(descriptor.digest));
    for (let depth = 0; level.length > 0; depth++) {
      for (const manifest of level) manifests.set(manifest.descriptor.digest, manifest);
      const digests = level.map(({ descriptor }) => descriptor.digest);
      for (const digest of digests) seen.add(digest);
      const referring = refers ? (await mapConcurrently(digests, atOnceMax, signal, refer)).flat() : [];
      const fresh = [...level.flatMap((manifest) => namedIn(manifest, childrenOf(manifest))), ...referring].filter(
        ({ descriptor: { digest } }) => !seen.has(digest) && seen.add(digest),
      );
      const bytesTotal = [...manifests.values()].reduce((sum, { bytes }) => sum + bytes.byteLength, 0);
      if (seen.size > manifestsMax || bytesTotal > manifestBytesTotalMax || depth > levelsMax) throw tooLarge(client, repository, root);
      level = (await mapConcurrently(fresh, atOnceMax, signal, read)).flat();
    }
  };
  return { manifests, referrers, faults, below };
}

/** @throws what says nothing about the content */
export function faultOf(error: unknown): PartFault['fault'] {
  const fault = error instanceof OciError ? faultOfCode[error.code] : undefined;
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

const namedIn = (manifest: Manifest, descriptors: readonly Descriptor[]): readonly Named[] =>
  descriptors.map((descriptor) => ({ descriptor, namedBy: manifest.descriptor.digest }));

/** The image's own manifest and those below it, without what only refers to them. */
function ownOf(root: Manifest, manifests: ReadonlyMap<Digest, Manifest>): readonly Digest[] {
  const own = new Set([root.descriptor.digest]);
  for (const digest of own) {
    const manifest = manifests.get(digest);
    for (const child of manifest ? childrenOf(manifest) : []) own.add(child.digest);
  }
  return [...own];
}

const tooLarge = (client: RegistryClient, repository: string, root: Manifest): OciError =>
  new OciError(
    'CONTENT_TOO_LARGE',
    `${repository}@${root.descriptor.digest} has more manifests than one image is allowed (${manifestsMax})`,
    {
      host: client.registry.host,
      repository,
    },
  );

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
