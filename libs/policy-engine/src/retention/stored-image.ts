/** An image as it lies in a registry, with what speaks for keeping it. */
export type StoredImage = {
  readonly registry: string;
  readonly repository: string;
  readonly digest: string;
  readonly tags: readonly string[];
  /** Null: not known. */
  readonly sizeBytes: number | null;
  /** By whoever pushed it, not by a copy. Unix ms. */
  readonly pushedAtMs: number;
  /** By anybody but ourselves. Null: not known to have been. Unix ms. */
  readonly lastPulledAtMs: number | null;
  /** Whether it runs. Null: not known. */
  readonly isInUse: boolean | null;
  /** Manifests of its repository that it is made of: the platforms of an index. */
  readonly needs: readonly string[];
  /** Digest of its repository that it is about, of a signature or an SBOM; null for anything else. */
  readonly attachedTo: string | null;
};

/** What to delete, and why. */
export type Deletion = { readonly image: StoredImage; readonly reason: string };

/** What is never deleted, whoever asks: what is in use, and what nobody knows that it is not. */
export const mayBeDeleted = ({ isInUse }: StoredImage): boolean => isInUse === false;

/** Oldest first; total, so that the same images always come in the same order. */
export const compareByAge = (a: StoredImage, b: StoredImage): number => {
  if (a.pushedAtMs !== b.pushedAtMs) return a.pushedAtMs - b.pushedAtMs;
  return keyOf(a) < keyOf(b) ? -1 : 1;
};

export const keyOf = ({ registry, repository, digest }: StoredImage): string => `${registry}/${repository}@${digest}`;

/** By the digests that they need or are about. */
export type Kinship = {
  readonly byDigest: ReadonlyMap<string, StoredImage>;
  /** Those that an image is a part of. */
  readonly wholesOf: (image: StoredImage) => readonly StoredImage[];
};

/** @param images of one repository */
export function kinshipOf(images: readonly StoredImage[]): Kinship {
  const byDigest = new Map(images.map((image) => [image.digest, image]));
  const wholes = new Map<string, StoredImage[]>();
  for (const image of images)
    for (const digest of new Set(image.needs)) {
      const known = wholes.get(digest);
      if (known === undefined) wholes.set(digest, [image]);
      else known.push(image);
    }
  return { byDigest, wholesOf: ({ digest }) => wholes.get(digest) ?? [] };
}
