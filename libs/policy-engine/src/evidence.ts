/** All that is known of a tagged image at the moment of a decision. What is not known is said so; nothing is assumed. */
export type Evidence = {
  readonly registry: string;
  readonly repository: string;
  readonly tag: string;
  readonly digest: string;
  /** Whose it is; null for nobody's. Absent: not known. */
  readonly tenant?: string | null;
  readonly inspection: Inspection;
  /** At most one per digest, the newest. */
  readonly scans: readonly ScanFact[];
};

export type Inspection =
  | { readonly status: 'missing' }
  | { readonly status: 'failed'; readonly reason: string }
  | {
      readonly status: 'done';
      /** image, index or artifact. */
      readonly kind: string;
      readonly labels: Readonly<Record<string, string>>;
      /** The manifests that are scanned: itself for an image, its platforms for an index. */
      readonly platformDigests: readonly string[];
    };

export type ScanFact = {
  readonly digest: string;
  /** scanned or failed. */
  readonly outcome: string;
  readonly worstSeverity: string;
  /** Why it failed. */
  readonly reason: string | null;
  readonly scannedAtMs: number;
};
