import type { Digest } from '@waybill/domain';
import { isAttestation, type DescriptorDocument } from '../descriptor/descriptor.ts';
import { isImageConfigType, isLayerType } from '../descriptor/media-types.ts';
import type { Manifest } from '../manifest/manifest.ts';
import type { ImageSurvey } from './survey-image.ts';

export type ImageManifest = Extract<Manifest, { kind: 'manifest' }>;
/** An image that can be run, and the platform that its index says it is for, or the index that names that one: clients choose by it. */
export type PlatformImage = { readonly manifest: ImageManifest; readonly platform: DescriptorDocument['platform'] };

/**
 * Signatures and attestations borrow the image config's media type, but none of their layers is one of a file system. A single one makes
 * an image: containerd passes over the layers that it does not know and runs the rest, so that any other rule leaves a way around scans.
 */
const isImage = ({ document: { config, layers } }: ImageManifest): boolean =>
  isImageConfigType(config.mediaType) && (layers.length === 0 || layers.some(({ mediaType }) => isLayerType(mediaType)));

/** What an index names, without the attestations beside it. */
export const platformsOf = (manifest: Manifest): readonly DescriptorDocument[] =>
  manifest.kind === 'index' ? manifest.document.manifests.filter((child) => !isAttestation(child)) : [];

/** The images of an index, or the one image; none of an artifact. Attestations beside them are left out. */
export function platformImagesOf({ root, manifests }: Pick<ImageSurvey, 'root' | 'manifests'>): readonly PlatformImage[] {
  const found = new Map<Digest, PlatformImage>();
  const visit = (manifest: Manifest | undefined, platform: DescriptorDocument['platform']): void => {
    if (manifest === undefined || found.has(manifest.descriptor.digest)) return;
    if (manifest.kind === 'manifest') {
      if (isImage(manifest)) found.set(manifest.descriptor.digest, { manifest, platform });
      return;
    }
    for (const child of platformsOf(manifest)) visit(manifests.get(child.digest as Digest), child.platform ?? platform);
  };
  visit(root, undefined);
  return [...found.values()];
}
