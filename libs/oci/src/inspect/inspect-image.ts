import type { Digest, ImageFacts, PlatformManifest } from '@waybill/domain';
import type { RegistryClient } from '../host/client.ts';
import { mapConcurrently } from '../host/concurrent.ts';
import { isAttestation, toDescriptor, type DescriptorDocument } from '../descriptor/descriptor.ts';
import { OciError } from '../host/errors.ts';
import { readImageConfig } from '../manifest/image-config.ts';
import { getManifest, type Manifest } from '../manifest/manifest.ts';
import { isImage, type PlatformImage } from './platform-images.ts';
import { isImageConfigType } from '../descriptor/media-types.ts';
import { listReferrers } from '../referrer/referrers.ts';

/** What a manifest is, without who asked and when. */
export type InspectedImage = Omit<ImageFacts, 'registry' | 'repository' | 'inspectedAtMs' | 'eventId'>;

const childrenMax = 256;
const nestingMax = 3;
const readsAtOnceMax = 4;
/** Facts travel in events: a broker's record limit must never be what stops them. */
const factsBytesMax = 512 * 1_024;

/**
 * Reads what an image is: its manifest, the configs of its platforms and what refers to it. Layers are not pulled.
 *
 * The children of an index are folded into one image; attestations and signatures among them are left out.
 * @throws OciError; `CONTENT_TOO_LARGE` also where the facts themselves are more than an event can hold
 */
export async function inspectImage(
  client: RegistryClient,
  image: { readonly repository: string; readonly reference: string },
  signal: AbortSignal,
): Promise<InspectedImage> {
  const { repository } = image;
  const manifest = await getManifest(client, image, signal);
  const { digest, mediaType, sizeBytes } = manifest.descriptor;
  const manifests = await readPlatformManifests(client, repository, manifest, nestingMax, signal);
  const platforms = await mapConcurrently(manifests, readsAtOnceMax, signal, (child, either) =>
    readPlatform(client, repository, child, either),
  );
  const referrers = await listReferrers(client, { repository, digest }, signal);
  const facts: InspectedImage = {
    digest,
    mediaType,
    kind: platforms.length === 0 ? 'artifact' : manifest.kind === 'index' ? 'index' : 'image',
    artifactType: findArtifactType(manifest, platforms.length),
    sizeBytes,
    platforms,
    annotations: manifest.document.annotations ?? {},
    labels: Object.assign({}, ...platforms.map(({ labels }) => labels).reverse()) as Record<string, string>,
    totalBytes: totalBytesOf(manifest, platforms),
    referrers: referrers.map((referrer) => ({
      digest: referrer.digest,
      mediaType: referrer.mediaType,
      artifactType: referrer.artifactType ?? null,
      sizeBytes: referrer.size,
    })),
  };
  const factsBytes = Buffer.byteLength(JSON.stringify(facts));
  if (factsBytes > factsBytesMax) {
    const message = `labels, annotations and layers of ${repository}@${digest} take ${factsBytes} bytes; ${factsBytesMax} are kept at most`;
    throw new OciError('CONTENT_TOO_LARGE', message, { host: client.registry.host, repository });
  }
  return facts;
}

/** The image manifests below a manifest, itself if it is one. */
async function readPlatformManifests(
  client: RegistryClient,
  repository: string,
  manifest: Manifest,
  depthMax: number,
  signal: AbortSignal,
  platform?: DescriptorDocument['platform'],
): Promise<readonly PlatformImage[]> {
  if (manifest.kind === 'manifest') return isImage(manifest) ? [{ manifest, platform }] : [];
  const children = manifest.document.manifests.filter((child) => !isAttestation(child));
  if (children.length > childrenMax || depthMax === 0) {
    const message = `index ${manifest.descriptor.digest} of ${repository} has more than ${childrenMax} children or ${nestingMax} levels`;
    throw new OciError('CONTENT_TOO_LARGE', message, { host: client.registry.host, repository });
  }
  const nested = await mapConcurrently(children, readsAtOnceMax, signal, async (child, either) => {
    const read = await getManifest(client, { repository, reference: child.digest, sizeBytes: child.size }, either);
    return readPlatformManifests(client, repository, read, depthMax - 1, either, child.platform);
  });
  const unique = new Map(nested.flat().map((found) => [found.manifest.descriptor.digest, found]));
  if (unique.size > childrenMax) {
    const message = `index ${manifest.descriptor.digest} of ${repository} has more than ${childrenMax} platforms`;
    throw new OciError('CONTENT_TOO_LARGE', message, { host: client.registry.host, repository });
  }
  return [...unique.values()];
}

async function readPlatform(
  client: RegistryClient,
  repository: string,
  { manifest, platform }: PlatformImage,
  signal: AbortSignal,
): Promise<PlatformManifest> {
  const { descriptor, document } = manifest;
  const configDescriptor = toDescriptor(document.config);
  const config = await readImageConfig(client, { repository, descriptor: configDescriptor, data: document.config.data }, signal);
  const layers = document.layers.map(toDescriptor);
  return {
    ...descriptor,
    os: platform?.os ?? config.os,
    architecture: platform?.architecture ?? config.architecture,
    variant: platform?.variant ?? config.variant,
    configDigest: configDescriptor.digest,
    createdAt: config.createdAt,
    labels: config.labels,
    layers,
    totalBytes: sumOnce([configDescriptor, ...layers]),
  };
}

/** The type an artifact has; of old ones, without `artifactType`, the config's (OCI image spec 1.1, "Guidelines for Artifact Usage"). */
function findArtifactType(manifest: Manifest, platformsCount: number): string | null {
  if (manifest.document.artifactType !== undefined) return manifest.document.artifactType;
  if (platformsCount > 0 || manifest.kind === 'index') return null;
  const { config, layers } = manifest.document;
  return isImageConfigType(config.mediaType) ? (layers[0]?.mediaType ?? null) : config.mediaType;
}

function totalBytesOf(manifest: Manifest, platforms: readonly PlatformManifest[]): number {
  if (manifest.kind === 'manifest') return sumOnce([manifest.document.config, ...manifest.document.layers].map(toDescriptor));
  const layers = platforms.flatMap((platform) => platform.layers);
  const configs = platforms.map((platform) => ({
    digest: platform.configDigest,
    sizeBytes: platform.totalBytes - sumOnce(platform.layers),
  }));
  return sumOnce([...layers, ...configs]);
}

function sumOnce(blobs: readonly { readonly digest: Digest | string; readonly sizeBytes: number }[]): number {
  return [...new Map(blobs.map(({ digest, sizeBytes }) => [digest, sizeBytes])).values()].reduce((sum, sizeBytes) => sum + sizeBytes, 0);
}
