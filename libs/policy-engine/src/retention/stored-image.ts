/** An image as it lies in a registry, with what speaks for keeping it. */
export type StoredImage = {
  readonly registry: string;
  readonly repository: string;
  readonly digest: string;
  readonly tags: readonly string[];
  readonly sizeBytes: number;
  /** By whoever pushed it first, not by a copy. Unix ms. */
  readonly pushedAtMs: number;
  /** By anybody but ourselves. Null: not known to have been. Unix ms. */
  readonly lastPulledAtMs: number | null;
  /** Whether it runs, or an index or a signature that is kept needs it. Null: not known. */
  readonly isInUse: boolean | null;
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
