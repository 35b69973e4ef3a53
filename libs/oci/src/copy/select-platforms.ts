import { formatPlatform, matchesPlatform, type Platform } from '@waybill/domain';
import { isAttestation, toInlineDescriptor, type DescriptorDocument } from '../descriptor/descriptor.ts';
import { digestOf } from '../descriptor/digest.ts';
import { isImageConfigType, isIndexType } from '../descriptor/media-types.ts';
import { parsePlatform } from '../descriptor/platform.ts';
import { OciError } from '../host/errors.ts';
import { readImageConfig } from '../manifest/image-config.ts';
import { getManifest, type Manifest } from '../manifest/manifest.ts';
import type { Place } from './copy-request.ts';

export type PlatformChoice = {
  /** `os/architecture[/variant]` */
  readonly platforms: readonly string[];
  /** Whether what BuildKit attests to a platform, which only an index names, comes along. */
  readonly attestations: boolean;
};

/**
 * The part of an image that is for some platforms: the manifest of the one, or an index of those wanted and what BuildKit attests to them,
 * which has a digest of its own; all else it says stays. Indexes within an index are looked through, and what is made of them is flat:
 * most that run images choose from one level alone. Where nothing is left out, an image is itself.
 * @throws OciError `PLATFORM_INVALID`; `CONTENT_NOT_FOUND` where the image is not for all of them, with what it is for;
 *   `CONTENT_TOO_LARGE` for indexes beyond all measure
 */
export async function selectPlatforms(place: Place, root: Manifest, choice: PlatformChoice, signal: AbortSignal): Promise<Manifest> {
  const wanted = choice.platforms.map(parsePlatform);
  if (root.kind === 'manifest') {
    const { config } = root.document;
    if (!isImageConfigType(config.mediaType)) return root; // An artifact is for every platform.
    const { os, architecture, variant } = await readImageConfig(place.client, { ...place, descriptor: toInlineDescriptor(config) }, signal);
    refuseMissing(place, root, wanted, [{ os, architecture, variant: variant ?? undefined }]);
    return root;
  }
  const isWanted = ({ platform }: DescriptorDocument): boolean => wanted.some((one) => matchesPlatform(one, platform));
  const leaves = await findLeaves(place, root, isWanted, signal);
  const selected = leaves.filter(isWanted);
  refuseMissing(
    place,
    root,
    wanted,
    leaves.flatMap(({ platform }) => (platform ? [platform] : [])),
  );
  const digests = new Set(selected.map(({ digest }) => digest));
  const isAttached = (leaf: DescriptorDocument): boolean =>
    choice.attestations && isAttestation(leaf) && digests.has(leaf.annotations?.['vnd.docker.reference.digest'] ?? '');
  const kept = leaves.filter((leaf) => digests.has(leaf.digest) || isAttached(leaf));
  if (digests.size === 1 && kept.every(({ digest }) => digests.has(digest))) {
    const { digest, ...told } = toInlineDescriptor(selected[0]!);
    return getManifest(place.client, { ...told, repository: place.repository, reference: digest }, signal);
  }
  return kept.length === leaves.length ? root : indexOf(root, kept);
}

type Index = Extract<Manifest, { kind: 'index' }>;

const indexesMax = 64;
const nestingMax = 8;

/**
 * What an index names, and what the indexes in it name, in this order. Where a manifest says no platform, it is for that of its index.
 * An index for a platform that is not wanted is not read.
 */
async function findLeaves(
  place: Place,
  root: Index,
  isWanted: (named: DescriptorDocument) => boolean,
  signal: AbortSignal,
): Promise<readonly DescriptorDocument[]> {
  const { client, repository } = place;
  let indexesCount = 0;
  const below = async ({ document }: Index, platform: DescriptorDocument['platform'], depth: number): Promise<DescriptorDocument[]> => {
    const leaves: DescriptorDocument[] = [];
    for (const child of document.manifests) {
      const named = child.platform || !platform ? child : { ...child, platform };
      if (!isIndexType(named.mediaType) || (named.platform && !isWanted(named))) {
        leaves.push(named);
        continue;
      }
      if (++indexesCount > indexesMax || depth >= nestingMax) throw tooLarge(place, root);
      const { digest, ...told } = toInlineDescriptor(named);
      const nested = await getManifest(client, { ...told, repository, reference: digest }, signal);
      leaves.push(...(nested.kind === 'index' ? await below(nested, named.platform, depth + 1) : [named]));
    }
    return leaves;
  };
  return below(root, undefined, 1);
}

const tooLarge = ({ client, repository }: Place, root: Manifest): OciError => {
  const { host } = client.registry;
  const message = `index ${root.descriptor.digest} of ${repository} has more than ${indexesMax} indexes in it or ${nestingMax} levels`;
  return new OciError('CONTENT_TOO_LARGE', message, { host, repository });
};

function indexOf(root: Index, manifests: readonly DescriptorDocument[]): Manifest {
  const document = { ...root.document, manifests };
  const bytes = Buffer.from(JSON.stringify(document));
  const { mediaType } = root.descriptor;
  return { kind: 'index', descriptor: { mediaType, digest: digestOf(bytes), sizeBytes: bytes.byteLength }, bytes, document };
}

function refuseMissing(
  place: Place,
  root: Manifest,
  wanted: readonly Platform[],
  found: readonly Parameters<typeof formatPlatform>[0][],
): void {
  const missing = wanted.filter((one) => !found.some((other) => matchesPlatform(one, other)));
  if (missing.length === 0) return;
  const { host } = place.client.registry;
  const named = found.map(formatPlatform).filter((text) => text !== 'unknown/unknown');
  const said = named.length > 0 ? `for ${named.join(', ')}` : 'for none that it names';
  const image = `${host}/${place.repository}@${root.descriptor.digest}`;
  const message = `${image} is not for ${missing.map(formatPlatform).join(', ')}, but ${said}`;
  throw new OciError('CONTENT_NOT_FOUND', message, { host, repository: place.repository });
}
