import { formatPlatform } from '@waybill/domain';
import {
  formatReference,
  OciError,
  platformImagesOf,
  readImageConfig,
  surveyImage,
  type ImageSurvey,
  type PartFault,
  type PlatformImage,
  type Reference,
  type RegistryClient,
} from '@waybill/oci';
import { configOf, createdByOf, type ConfigDescription } from './config-of.ts';
import { kindOfReferrer, type ReferrerKind } from './referrer-kind.ts';

export type LayerDescription = {
  readonly digest: string;
  readonly mediaType: string;
  readonly sizeBytes: number;
  /** The build step, where the image's history says it. */
  readonly createdBy: string | null;
};
export type PlatformDescription = {
  readonly platform: string;
  readonly digest: string;
  readonly mediaType: string;
  readonly sizeBytes: number;
  /** Config and layers, each once. */
  readonly totalBytes: number;
  readonly createdAt: string | null;
  readonly annotations: Readonly<Record<string, string>>;
  /** Null where the registry does not have it, or it is none. */
  readonly config: ConfigDescription | null;
  readonly layers: readonly LayerDescription[];
};
export type ReferrerDescription = {
  readonly kind: ReferrerKind;
  readonly type: string;
  readonly digest: string;
  readonly sizeBytes: number;
  readonly subject: string;
};
/** What an image is: the answer of `waybill image inspect -o json`. */
export type ImageDescription = {
  readonly image: string;
  readonly digest: string;
  readonly mediaType: string;
  readonly kind: 'index' | 'image' | 'artifact';
  readonly artifactType: string | null;
  readonly manifests: { readonly count: number; readonly sizeBytes: number };
  readonly blobs: { readonly count: number; readonly sizeBytes: number };
  readonly annotations: Readonly<Record<string, string>>;
  readonly platforms: readonly PlatformDescription[];
  readonly referrers: readonly ReferrerDescription[];
  readonly digestTags: readonly { readonly kind: ReferrerKind; readonly tag: string; readonly digest: string; readonly subject: string }[];
  readonly faults: readonly PartFault[];
};

/** Reads what an image is. Layers are not read. @throws OciError */
export async function describeImage(
  client: RegistryClient,
  image: Reference,
  { referrers, signal }: { readonly referrers: boolean; readonly signal: AbortSignal },
): Promise<ImageDescription> {
  const { repository, reference } = image;
  const survey = await surveyImage(client, { repository, reference, referrers }, signal);
  const platforms = await Promise.all(platformImagesOf(survey).map((found) => describePlatform(client, repository, found, signal)));
  const { root, digestTags, faults } = survey;
  return {
    image: formatReference(image),
    digest: root.descriptor.digest,
    mediaType: root.descriptor.mediaType,
    kind: platforms.length === 0 ? 'artifact' : root.kind === 'index' ? 'index' : 'image',
    artifactType: platforms.length > 0 ? null : artifactTypeOf(survey),
    manifests: sumOf([...survey.manifests.values()].map(({ descriptor }) => descriptor)),
    blobs: sumOf([...survey.blobs.values()].map(({ descriptor }) => descriptor)),
    annotations: root.document.annotations ?? {},
    platforms,
    referrers: survey.referrers.map(({ subject, descriptor }) => {
      const { digest, size, artifactType, mediaType, annotations } = descriptor;
      const type = artifactType ?? mediaType;
      return { kind: kindOfReferrer(type, annotations), type, digest, sizeBytes: size, subject };
    }),
    digestTags: digestTags.map(({ tag, digest, subject }) => ({
      kind: kindOfReferrer(tag.slice(tag.lastIndexOf('.'))),
      tag,
      digest,
      subject,
    })),
    faults,
  };
}

async function describePlatform(
  client: RegistryClient,
  repository: string,
  { manifest, platform }: PlatformImage,
  signal: AbortSignal,
): Promise<PlatformDescription> {
  const { descriptor, document } = manifest;
  const { digest, mediaType, size } = document.config;
  const query = { repository, descriptor: { mediaType, digest: digest as typeof descriptor.digest, sizeBytes: size } };
  const config = await readImageConfig(client, query, signal).catch(nothingWithout);
  const layers = document.layers.map((layer) => ({ digest: layer.digest, mediaType: layer.mediaType, sizeBytes: layer.size }));
  const createdBy = createdByOf(config?.document, layers.length);
  return {
    platform: formatPlatform(
      platform ?? { os: config?.os ?? 'unknown', architecture: config?.architecture ?? 'unknown', variant: config?.variant },
    ),
    ...descriptor,
    totalBytes: sumOf([query.descriptor, ...layers]).sizeBytes,
    createdAt: config?.createdAt ?? null,
    annotations: document.annotations ?? {},
    config: config === undefined ? null : configOf(digest, config.document),
    layers: layers.map((layer, at) => ({ ...layer, createdBy: createdBy[at] ?? null })),
  };
}

/** An image without its config is still worth being described; a registry that fails is not an answer. */
function nothingWithout(error: unknown): undefined {
  if (error instanceof OciError && /^(CONTENT|MANIFEST)_/.test(error.code)) return undefined;
  throw error;
}

/** Of old artifacts, without `artifactType`, the config's (OCI image spec 1.1, "Guidelines for Artifact Usage"). */
function artifactTypeOf({ root }: ImageSurvey): string | null {
  if (root.document.artifactType !== undefined) return root.document.artifactType;
  return root.kind === 'index' ? null : root.document.config.mediaType;
}

const sumOf = (
  parts: readonly { readonly digest: string; readonly sizeBytes: number }[],
): { readonly count: number; readonly sizeBytes: number } => {
  const once = new Map(parts.map(({ digest, sizeBytes }) => [digest, sizeBytes]));
  return { count: once.size, sizeBytes: [...once.values()].reduce((sum, sizeBytes) => sum + sizeBytes, 0) };
};
