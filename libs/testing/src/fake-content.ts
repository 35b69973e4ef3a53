import { createHash } from 'node:crypto';

export type StoredManifest = { readonly mediaType: string; readonly bytes: Buffer };

/** What one repository of the fake registry holds. */
export type FakeRepository = {
  readonly blobs: Map<string, Buffer>;
  readonly manifests: Map<string, StoredManifest>;
  /** Tag to digest. */
  readonly tags: Map<string, string>;
  /** Upload session to what has come so far. */
  readonly uploads: Map<string, Buffer>;
  /** Sessions that have had a piece of less than the least size: it must have been their last. */
  readonly closing: Set<string>;
};

export const newRepository = (): FakeRepository => ({
  blobs: new Map(),
  manifests: new Map(),
  tags: new Map(),
  uploads: new Map(),
  closing: new Set(),
});

/** Digest of bytes by the algorithm of `like`, or by SHA-256. */
export function digestLike(like: string | null, bytes: Buffer): string {
  const algorithm = like?.startsWith('sha512:') ? 'sha512' : 'sha256';
  return `${algorithm}:${createHash(algorithm).update(bytes).digest('hex')}`;
}

export const findManifest = ({ manifests, tags }: FakeRepository, reference: string): (StoredManifest & { digest: string }) | undefined => {
  const digest = tags.get(reference) ?? reference;
  const manifest = manifests.get(digest);
  return manifest && { ...manifest, digest };
};

type ManifestDocument = {
  readonly mediaType?: string;
  readonly artifactType?: string;
  readonly annotations?: Readonly<Record<string, string>>;
  readonly subject?: { readonly digest: string };
  readonly config?: { readonly mediaType: string; readonly digest: string };
  readonly layers?: readonly { readonly digest: string; readonly urls?: readonly string[] }[];
  readonly manifests?: readonly { readonly digest: string }[];
};

export const documentOf = ({ bytes }: StoredManifest): ManifestDocument => JSON.parse(bytes.toString('utf8')) as ManifestDocument;

/** Digests that a manifest names and the repository does not have: real registries refuse it then, too. */
export function findMissing(repository: FakeRepository, manifest: StoredManifest): readonly string[] {
  const { config, layers = [], manifests = [] } = documentOf(manifest);
  const blobs = [...(config ? [config] : []), ...layers.filter((layer) => !layer.urls)].map(({ digest }) => digest);
  return [
    ...blobs.filter((digest) => !repository.blobs.has(digest)),
    ...manifests.map(({ digest }) => digest).filter((digest) => !repository.manifests.has(digest)),
  ];
}

/** Descriptors of what refers to `subject` (OCI distribution spec 1.1, "Listing Referrers"). */
export function referrersOf(repository: FakeRepository, subject: string): readonly { readonly artifactType: string | undefined }[] {
  return [...repository.manifests].flatMap(([digest, manifest]) => {
    const document = documentOf(manifest);
    if (document.subject?.digest !== subject) return [];
    const artifactType = document.artifactType ?? document.config?.mediaType;
    const { annotations } = document;
    return [{ mediaType: manifest.mediaType, digest, size: manifest.bytes.byteLength, artifactType, annotations }];
  });
}
