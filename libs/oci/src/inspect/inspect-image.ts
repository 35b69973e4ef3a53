import type { Digest, ImageFacts, PlatformManifest } from '@waybill/domain';
import type { RegistryClient } from '../host/client.ts';
import { mapConcurrently } from '../host/concurrent.ts';
import { toDescriptor, toInlineDescriptor } from '../descriptor/descriptor.ts';
import { OciError } from '../host/errors.ts';
import { readImageConfig } from '../manifest/image-config.ts';
import { getManifest, type Manifest } from '../manifest/manifest.ts';
import { createManifestReader, namedIn } from './manifest-reader.ts';
import { platformImagesOf, platformsOf, type PlatformImage } from './platform-images.ts';
import { isImageConfigType } from '../descriptor/media-types.ts';
import { listReferrers } from '../referrer/referrers.ts';
import { predicateTypesOf, readPlatformPredicateTypes } from './predicate-types.ts';

type Asked = 'registry' | 'repository' | 'inspectedAtMs' | 'eventId';
type Verified = 'signatures' | 'subjectSignatures' | 'refusedSignatures' | 'trustSha256';
/** What a manifest is, without who asked and when, and without what is proven of it. */
export type InspectedImage = Omit<ImageFacts, Asked | Verified>;

const bounds = { manifestsMax: 256, levelsMax: 3 };
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
  const images = await readImage(client, repository, manifest, signal);
  const platforms = await mapConcurrently(images, readsAtOnceMax, signal, (image, either) =>
    readPlatform(client, repository, image, either),
  );
  const digests = images.map(({ manifest: { descriptor } }) => descriptor.digest);
  const ofPlatforms = await readPlatformPredicateTypes(client, repository, manifest, digests, signal);
  const referrers = await listReferrers(client, { repository, digest }, signal);
  const facts: InspectedImage = {
    digest,
    mediaType,
    kind: platforms.length === 0 ? 'artifact' : manifest.kind === 'index' ? 'index' : 'image',
    artifactType: findArtifactType(manifest, platforms.length),
    subject: manifest.document.subject?.digest ?? null,
    sizeBytes,
    platforms,
    annotations: manifest.document.annotations ?? {},
    labels: Object.assign({}, ...platforms.map(({ labels }) => labels).reverse()) as Record<string, string>,
    totalBytes: totalBytesOf(manifest, platforms),
    predicateTypes: platforms.length === 0 ? predicateTypesOf(manifest) : ofPlatforms,
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

/** An image with all that is below it, but for what is attested to its platforms. */
async function readImage(
  client: RegistryClient,
  repository: string,
  root: Manifest,
  signal: AbortSignal,
): Promise<readonly PlatformImage[]> {
  const reader = createManifestReader(
    client,
    {
      ...{ repository, ...bounds },
      follow: async (level) => level.flatMap((manifest) => namedIn(manifest, platformsOf(manifest).map(toInlineDescriptor))),
      onUnread(_, error) {
        throw error; // Facts about a part would pass for those about the whole.
      },
    },
    signal,
  );
  await reader.readBelow([root]);
  return platformImagesOf({ root, manifests: reader.manifests });
}

async function readPlatform(
  client: RegistryClient,
  repository: string,
  { manifest, platform }: PlatformImage,
  signal: AbortSignal,
): Promise<PlatformManifest> {
  const { descriptor, document } = manifest;
  const configDescriptor = toDescriptor(document.config);
  const config = await readImageConfig(client, { repository, descriptor: toInlineDescriptor(document.config) }, signal);
  const layers = document.layers.map(toDescriptor);
  return {
    ...descriptor,
    os: platform?.os ?? config.os,
    architecture: platform?.architecture ?? config.architecture,
    variant: platform ? (platform.variant ?? null) : config.variant,
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
