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
  /** Those of the digest whose proof was verified. Absent: nobody has looked yet. */
  readonly signatures?: readonly SignatureFact[];
  /** Those that are attached to the digest. Absent: nobody has looked yet. */
  readonly sboms?: readonly SbomFact[];
  /** What is known of registries, by their names. Absent: nothing. */
  readonly registries?: Readonly<Record<string, RegistryFact>>;
  /** Pulls of the image's repository in the last 30 days, by region. Absent: not known. */
  readonly pullsByRegion?: Readonly<Record<string, number>>;
  /** What its tenant has already. Absent: not known. */
  readonly usage?: UsageFact;
  /** Nothing would have it decided anew when facts come: as many tags as are followed wait for its digest. What would be held is denied. */
  readonly cannotWait?: true;
  /** How it was named by whoever wants to run it. Absent: not known. */
  readonly namedBy?: 'digest' | 'tag';
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
      /** As `linux/amd64`. Absent: not known. */
      readonly platforms?: readonly string[];
      /** Of its manifests, configs and layers, each once. Absent: not known. */
      readonly sizeBytes?: number;
    };

/** Each absent where it is not known. */
export type RegistryFact = {
  readonly isHealthy?: boolean;
  readonly usedBytes?: number;
  /** Whether the decision before on this digest sends it there: it is there, or on its way. */
  readonly wasChosen?: boolean;
};

export type UsageFact = {
  /** Over all registries, each copy counted. */
  readonly bytes: number;
  readonly images: number;
  readonly copiesLastHour: number;
  /** Whether the copies of this image are among them. */
  readonly isCounted: boolean;
};

export type ScanFact = {
  readonly digest: string;
  /** scanned or failed. */
  readonly outcome: string;
  readonly worstSeverity: string;
  /** Why it failed. */
  readonly reason: string | null;
  readonly scannedAtMs: number;
  /** Worst first, each id once. Absent: the verdict does not list them. */
  readonly findings?: readonly FindingFact[];
  /** How many there are beside those in `findings`, none of them worse than the last of these; none if left out. */
  readonly findingsOmitted?: number;
};

/** `id` as the scanner gives it: CVE-2026-12345. */
export type FindingFact = { readonly id: string; readonly severity: string };

/** Who signed: an identity that an issuer vouches for, or a key. */
export type SignatureFact =
  | { readonly issuer: string; readonly subject: string }
  /** `sha256:<hex>` of the public key in DER (SubjectPublicKeyInfo). */
  | { readonly key: string };

/** `format`: spdx, cyclonedx, syft; what cannot be told is `unknown`. */
export type SbomFact = { readonly digest: string; readonly format: string };
