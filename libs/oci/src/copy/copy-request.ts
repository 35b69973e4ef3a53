import type { Digest } from '@waybill/domain';
import type { RegistryClient } from '../host/client.ts';

/** A repository at a registry. */
export type Place = { readonly client: RegistryClient; readonly repository: string };

/** One image, where from and where to. */
export type CopyRequest = {
  readonly source: Place;
  readonly target: Place;
  /** Tag or digest at the source. A tag is resolved once; the copy stays of that digest whatever happens to the tag meanwhile. */
  readonly reference: string;
  /** Put on the copy as the very last thing; undefined: the copy is by digest alone. */
  readonly tag?: string | undefined;
  /**
   * `os/architecture[/variant]`; undefined: all of an index, whose digest then stays what it was. One: the manifest itself. Several, or one
   * that BuildKit attests something to: an index of those and their attestations, with a digest of its own.
   */
  readonly platforms?: readonly string[] | undefined;
  /**
   * Whether what refers to the image goes along: signatures, SBOMs, attestations, and what refers to those; with `platforms` also what
   * BuildKit attests to them. Default: true.
   */
  readonly referrers?: boolean | undefined;
  /**
   * `head`: presence and size of each blob, bytes of each manifest that is put; a manifest that the target has already vouches for its
   * blobs. `read`: nothing vouches, each manifest and each blob is read back, its digest computed. Default: `head`.
   */
  readonly verify?: 'head' | 'read' | undefined;
  /** Whether the report says how large the image is: what the target has already is then read there. Default: false. */
  readonly measures?: boolean | undefined;
  /** Says what would be moved, and changes nothing at the target. */
  readonly dryRun?: boolean | undefined;
  readonly onProgress?: ((progress: CopyProgress) => void) | undefined;
  readonly signal: AbortSignal;
};

/** What happens during a copy, in order of its happening; enough for bars and for metrics. */
export type CopyProgress =
  /** The tree is known: this much there is to look at. */
  | { readonly kind: 'planned'; readonly digest: Digest; readonly manifests: number; readonly blobs: number; readonly bytes: number }
  /** Bytes of a blob that have left for the target since the last event of it; negative when a transfer begins anew. Of how many, too. */
  | { readonly kind: 'bytes'; readonly digest: Digest; readonly bytes: number; readonly sizeBytes: number }
  | { readonly kind: 'blob'; readonly blob: BlobReport }
  | { readonly kind: 'manifest'; readonly manifest: ManifestReport }
  | { readonly kind: 'tagged'; readonly tag: string; readonly digest: Digest }
  | { readonly kind: 'verified' };

/** `present` was there already; `mounted` came from another repository of the target without its bytes. With `dryRun`: what would be. */
export type Outcome = 'copied' | 'mounted' | 'present';

export type BlobReport = {
  readonly digest: Digest;
  readonly mediaType: string;
  readonly sizeBytes: number;
  readonly outcome: Outcome;
  /** What was sent for it, repetitions after a cut connection included. */
  readonly bytesSent: number;
  readonly durationMs: number;
};
export type ManifestReport = {
  readonly digest: Digest;
  readonly mediaType: string;
  readonly sizeBytes: number;
  readonly outcome: Exclude<Outcome, 'mounted'>;
  /** Whether it came along only because it refers to another one. */
  readonly refers: boolean;
};

/** What a copy did, and what was checked at the target afterwards. */
export type CopyReport = {
  readonly source: { readonly registry: string; readonly repository: string; readonly reference: string };
  readonly target: { readonly registry: string; readonly repository: string; readonly tag: string | null };
  /** Of what was copied. */
  readonly digest: Digest;
  readonly dryRun: boolean;
  /** What the source's tag points to by the end, where that is something else by now (null: it is gone); undefined: it has not moved. */
  readonly movedTo?: Digest | null;
  readonly manifests: readonly ManifestReport[];
  /** Those of the manifests that the target lacked; with `verify: 'read'` all of them. */
  readonly blobs: readonly BlobReport[];
  /** Tags that were set, with those of old cosign; `present` pointed there already. */
  readonly tags: readonly { readonly tag: string; readonly digest: Digest; readonly outcome: 'set' | 'present' }[];
  /** Null with `dryRun`. */
  readonly verified: { readonly how: 'head' | 'read'; readonly manifests: number; readonly blobs: number } | null;
  readonly bytesSent: number;
  /**
   * Of all manifests, configs and layers that belong to what was copied, and what came along, each once, whether they were there already
   * or not; null where that had not to be known.
   */
  readonly imageBytes: number | null;
  /** Requests that went out for this copy, challenges and repetitions included. */
  readonly requests: { readonly source: number; readonly target: number };
  readonly durationMs: number;
};

/**
 * Copies under common limits: per host so many requests at once and so many bytes per second, shared fairly between the images under way,
 * and a blob that two of them need is moved once.
 */
export type Copier = {
  /** @throws OciError, `COPY_UNVERIFIED` when the target does not give back what it took; or the signal's reason */
  readonly copy: (request: CopyRequest) => Promise<CopyReport>;
};
