import { isDigest, type Digest } from '@waybill/domain';
import { toInlineDescriptor, type Descriptor, type DescriptorDocument, type InlineDescriptor } from '../descriptor/descriptor.ts';
import { isIndexType } from '../descriptor/media-types.ts';
import { OciError } from '../host/errors.ts';
import { blobsOf, childrenOf, findManifestDescriptor, findManifestDigest, getManifest, type Manifest } from '../manifest/manifest.ts';
import type { Attachments } from './attachments.ts';
import { mapConcurrently } from '../host/concurrent.ts';
import type { Place } from './copy-request.ts';
import { selectPlatforms } from './select-platforms.ts';

export type PlannedManifest = {
  readonly descriptor: Descriptor;
  /** Undefined where nobody had to read it: the target has it. */
  readonly manifest: Manifest | undefined;
  readonly isThere: boolean;
  /** 0: the image itself; 1: what is attached to that; 2: what is attached to those; and so on. */
  readonly distance: number;
};
/** A tag that cosign keeps something under. */
export type PlannedTag = { readonly tag: string; readonly digest: Digest; readonly isThere: boolean };

/** All that belongs to an image, and what of it the target lacks. */
export type CopyPlan = {
  /** What the reference stood for at the source when it was read. */
  readonly resolved: Digest;
  readonly root: PlannedManifest;
  /** Children before their parents, an image before what refers to it; each once. */
  readonly manifests: readonly PlannedManifest[];
  /** Configs and layers of the manifests that the target lacks, each once. */
  readonly blobs: readonly InlineDescriptor[];
  /** Per manifest that has any: what refers to it. */
  readonly referrers: ReadonlyMap<Digest, readonly DescriptorDocument[]>;
  readonly digestTags: readonly PlannedTag[];
  /** Of all manifests, configs and layers, each once; undefined where some of them had not to be read. */
  readonly imageBytes: number | undefined;
};

export type PlanRequest = {
  readonly source: Place;
  readonly target: Place;
  readonly reference: string;
  readonly tag: string | undefined;
  readonly platforms: readonly string[] | undefined;
  /**
   * Whether a manifest that the target has vouches for its blobs. A registry takes none whose blobs it lacks, and this engine puts none
   * before it has seen them there. An index vouches for nothing: registries take one without all of its children.
   */
  readonly trustsTarget: boolean;
  /** Whether what the target has is read there, since the size of all is wanted. */
  readonly measures: boolean;
  /** Undefined where what refers to the image stays behind. */
  readonly attachmentsOf: ((digest: Digest, signal: AbortSignal) => Promise<Attachments>) | undefined;
  readonly signal: AbortSignal;
};

const manifestsMax = 2_000;
/** Manifests are held in memory until they are written: this bounds one copy. */
const manifestBytesTotalMax = 64 * 1_024 * 1_024;
const nestingMax = 8;
const readsAtOnceMax = 4;

/**
 * Walks an image from above: index, platforms, attestations, what refers to each of them and to those, and what cosign keeps in tags.
 * What the target has is looked up there and not read.
 * @throws OciError; `CONTENT_TOO_LARGE` for an image beyond all measure, so that nobody fills our memory with one
 */
export async function planCopy(request: PlanRequest): Promise<CopyPlan> {
  const { attachmentsOf, signal } = request;
  const walk = createWalk(request);
  const { resolved, ...found } = await findRoot(request);
  await walk.enter(found, 0, 0, signal);
  const referrers = new Map<Digest, readonly DescriptorDocument[]>();
  const digestTags: PlannedTag[] = [];
  // An index made here is at no source, and what is attached to the whole is not about it.
  const isMade = found.manifest?.kind === 'index' && found.descriptor.digest !== resolved;
  let subjects = attachmentsOf ? [...walk.entered.keys()].filter((digest) => !isMade || digest !== found.descriptor.digest) : [];
  for (let distance = 1; attachmentsOf && subjects.length > 0; distance++) {
    const known = new Set(walk.entered.keys());
    // An image before its children: it is what most things are attached to, and may have the longest way to go.
    await mapConcurrently(subjects.toReversed(), readsAtOnceMax, signal, async (subject, either) => {
      const attached = await attachmentsOf(subject, either);
      if (attached.referrers.length > 0) referrers.set(subject, attached.referrers);
      await mapConcurrently(attached.referrers, readsAtOnceMax, either, (referrer, each) =>
        walk.visit(toInlineDescriptor(referrer), distance, 0, each),
      );
      // Nobody looks for what old cosign has attached to an attachment.
      for (const tag of distance === 1 ? attached.tags : []) digestTags.push(...(await visitTag(request, walk, tag, either)));
    });
    subjects = [...walk.entered.keys()].filter((digest) => !known.has(digest)); // A signature may itself be signed.
  }
  const manifests = [...walk.entered.values()];
  const blobs = manifests.flatMap((planned) => (planned.isThere || !planned.manifest ? [] : blobsOf(planned.manifest)));
  return {
    resolved,
    root: walk.entered.get(found.descriptor.digest)!,
    manifests,
    blobs: [...new Map(blobs.map((blob) => [blob.digest, blob])).values()],
    ...{ referrers, digestTags, imageBytes: bytesOf(manifests) },
  };
}

function bytesOf(manifests: readonly PlannedManifest[]): number | undefined {
  const sizes = new Map<Digest, number>();
  for (const { descriptor, manifest } of manifests) {
    if (manifest === undefined) return undefined;
    for (const { digest, sizeBytes } of [descriptor, ...blobsOf(manifest)]) sizes.set(digest, sizeBytes);
  }
  return [...sizes.values()].reduce((sum, sizeBytes) => sum + sizeBytes, 0);
}

/** What the target has of its own right is read there, not at the source: that may count what is read. */
const readThere = async (
  { target, measures }: PlanRequest,
  { digest, mediaType }: Descriptor,
  signal: AbortSignal,
): Promise<Manifest | undefined> =>
  measures ? getManifest(target.client, { repository: target.repository, reference: digest, mediaType }, signal) : undefined;

type Walk = {
  /** In the order in which they can be put. */
  readonly entered: ReadonlyMap<Digest, PlannedManifest>;
  readonly enter: (found: Found, distance: number, depth: number, signal: AbortSignal) => Promise<void>;
  /** Looks a manifest up at the target and reads it at the source where it is not there, with all below. */
  readonly visit: (named: Named, distance: number, depth: number, signal: AbortSignal) => Promise<void>;
};
type Named = Pick<InlineDescriptor, 'digest' | 'data'> & Partial<Pick<InlineDescriptor, 'sizeBytes' | 'mediaType'>>;

function createWalk(request: PlanRequest): Walk {
  const { source, target, trustsTarget } = request;
  const entered = new Map<Digest, PlannedManifest>();
  const visits = new Map<Digest, Promise<void>>();
  let bytesTotal = 0;
  const refuseTooLarge = (): void => {
    if (visits.size <= manifestsMax && bytesTotal <= manifestBytesTotalMax) return;
    const { host } = source.client.registry;
    const message = `an image of ${source.repository} has more manifests than one image is allowed (${manifestsMax})`;
    throw new OciError('CONTENT_TOO_LARGE', message, { host, repository: source.repository });
  };
  const enter: Walk['enter'] = async ({ descriptor, manifest, isThere }, distance, depth, signal) => {
    bytesTotal += manifest?.bytes.byteLength ?? 0;
    refuseTooLarge();
    await mapConcurrently(manifest ? childrenOf(manifest) : [], readsAtOnceMax, signal, (child, either) =>
      walk.visit(child, distance, depth + 1, either),
    );
    if (!entered.has(descriptor.digest)) entered.set(descriptor.digest, { descriptor, manifest, isThere, distance });
  };
  const read = async ({ digest, ...told }: Named, distance: number, depth: number, signal: AbortSignal): Promise<void> => {
    const query = { repository: target.repository, reference: digest };
    const there = trustsTarget ? await findManifestDescriptor(target.client, query, signal) : undefined;
    const isThere = there?.digest === digest;
    if (isThere && !isIndexType(there.mediaType))
      return enter({ descriptor: there, manifest: await readThere(request, there, signal), isThere }, distance, depth, signal);
    const manifest = await getManifest(source.client, { ...told, repository: source.repository, reference: digest }, signal);
    return enter({ descriptor: manifest.descriptor, manifest, isThere }, distance, depth, signal);
  };
  const walk: Walk = {
    entered,
    enter,
    async visit(named, distance, depth, signal) {
      if (depth > nestingMax) throw tooDeep(source);
      const visit = visits.get(named.digest) ?? read(named, distance, depth, signal);
      visits.set(named.digest, visit); // Two indexes may share a child; both come after it.
      await visit;
    },
  };
  return walk;
}

const tooDeep = ({ client, repository }: Place): OciError => {
  const { host } = client.registry;
  return new OciError('CONTENT_TOO_LARGE', `an index of ${repository} has more than ${nestingMax} levels`, { host, repository });
};

async function visitTag(request: PlanRequest, walk: Walk, tag: string, signal: AbortSignal): Promise<PlannedTag[]> {
  const { source, target, trustsTarget } = request;
  const digest = await findManifestDigest(source.client, { repository: source.repository, reference: tag }, signal);
  if (digest === undefined) return []; // Deleted since it was listed.
  const query = { repository: target.repository, reference: tag };
  const there = trustsTarget ? await findManifestDescriptor(target.client, query, signal) : undefined;
  const isThere = there?.digest === digest;
  if (isThere && !isIndexType(there.mediaType))
    await walk.enter({ descriptor: there, manifest: await readThere(request, there, signal), isThere }, 1, 0, signal);
  else await walk.visit({ digest }, 1, 0, signal);
  return [{ tag, digest, isThere }];
}

type Found = Omit<PlannedManifest, 'distance'>;

/** The manifest that the copy will be known by. The target is asked first: what it has need not be read at the source. */
async function findRoot(request: PlanRequest): Promise<Found & { readonly resolved: Digest }> {
  const { source, target, reference, tag, platforms, trustsTarget, attachmentsOf, signal } = request;
  const read = (at: string) => getManifest(source.client, { repository: source.repository, reference: at }, signal);
  const find = async (at: string): Promise<Descriptor | undefined> =>
    trustsTarget ? findManifestDescriptor(target.client, { repository: target.repository, reference: at }, signal) : undefined;
  const at = tag ?? (isDigest(reference) ? reference : undefined);
  const there = platforms || at === undefined ? undefined : await find(at);
  const digest = there && !isDigest(reference) ? await resolveTag(source, reference, signal) : undefined;
  const isThere = there !== undefined && there.digest === (digest ?? reference);
  if (isThere && !isIndexType(there.mediaType))
    return { resolved: there.digest, descriptor: there, manifest: await readThere(request, there, signal), isThere };
  const whole = await read(digest ?? reference);
  const resolved = whole.descriptor.digest;
  if (there) return { resolved, descriptor: whole.descriptor, manifest: whole, isThere };
  const manifest = platforms
    ? await selectPlatforms(source, whole, { platforms, attestations: attachmentsOf !== undefined }, signal)
    : whole;
  const { descriptor } = manifest;
  const isKnown = at !== undefined && !platforms; // Asked for above, and not there.
  return { resolved, descriptor, manifest, isThere: !isKnown && (await find(tag ?? descriptor.digest))?.digest === descriptor.digest };
}

async function resolveTag({ client, repository }: Place, tag: string, signal: AbortSignal): Promise<Digest> {
  const digest = await findManifestDigest(client, { repository, reference: tag }, signal);
  if (digest !== undefined) return digest;
  const { host } = client.registry;
  const message = `${host}/${repository}:${tag} is not there, or not visible to this user`;
  throw new OciError('CONTENT_NOT_FOUND', message, { host, repository });
}
