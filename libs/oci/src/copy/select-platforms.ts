import { toDescriptor, type DescriptorDocument } from '../descriptor/descriptor.ts';
import { digestOf } from '../descriptor/digest.ts';
import { isImageConfigType } from '../descriptor/media-types.ts';
import { formatPlatform, matchesPlatform, parsePlatform, type Platform } from '../descriptor/platform.ts';
import { OciError } from '../host/errors.ts';
import { readImageConfig } from '../manifest/image-config.ts';
import { getManifest, type Manifest } from '../manifest/manifest.ts';
import type { Place } from './copy-request.ts';

/**
 * The part of an image that is for some platforms: of an index the manifest of the one, or an index of those wanted, which has a digest
 * of its own; all else it says stays. An image of one platform is itself. What BuildKit attests to a platform comes along in an index.
 * @throws OciError `PLATFORM_INVALID`; `CONTENT_NOT_FOUND` where the image is not for all of them, with what it is for
 */
export async function selectPlatforms(place: Place, root: Manifest, platforms: readonly string[], signal: AbortSignal): Promise<Manifest> {
  const wanted = platforms.map(parsePlatform);
  if (root.kind === 'manifest') {
    const { config } = root.document;
    if (!isImageConfigType(config.mediaType)) return root; // An artifact is for every platform.
    const { os, architecture, variant } = await readImageConfig(
      place.client,
      { ...place, descriptor: toDescriptor(config), data: config.data },
      signal,
    );
    refuseMissing(place, root, wanted, [{ os, architecture, variant: variant ?? undefined }]);
    return root;
  }
  const children = root.document.manifests;
  const selected = children.filter(({ platform }) => wanted.some((one) => matchesPlatform(one, platform)));
  refuseMissing(
    place,
    root,
    wanted,
    children.flatMap(({ platform }) => (platform ? [platform] : [])),
  );
  if (new Set(selected.map(({ digest }) => digest)).size === 1) {
    const { digest, size } = selected[0]!;
    return getManifest(place.client, { repository: place.repository, reference: digest, sizeBytes: size }, signal);
  }
  const digests = new Set(selected.map(({ digest }) => digest));
  return indexOf(root, (child) => digests.has(child.digest) || digests.has(attestedBy(child) ?? ''));
}

const attestedBy = ({ annotations }: DescriptorDocument): string | undefined => annotations?.['vnd.docker.reference.digest'];

type Index = Extract<Manifest, { kind: 'index' }>;

function indexOf(root: Index, isKept: (child: DescriptorDocument) => boolean): Manifest {
  const manifests = root.document.manifests.filter(isKept);
  if (manifests.length === root.document.manifests.length) return root; // All of it: its digest stays what it was.
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
