import type { Image } from './image.ts';

/** `error`: publishing refuses. `warning`: somebody should look. */
const severities = {
  COPIES_TOO_MANY: 'warning',
  EXCEPTION_NOT_GRANTED: 'error',
  POLICY_CONTRADICTION: 'error',
  POLICY_OVERLAP: 'warning',
  POLICY_SHADOWED: 'warning',
  PATTERN_MATCHES_NOTHING: 'error',
  POLICY_MATCHES_NOTHING: 'error',
  QUOTA_IMPOSSIBLE: 'error',
  REGISTRY_HOST_DIFFERS: 'error',
  REGISTRY_UNKNOWN: 'error',
  REGISTRY_UNLISTED: 'warning',
  REPLICATION_CYCLE: 'warning',
  REPLICATION_ENDLESS: 'error',
  REPLICATION_SHRINKS: 'error',
  REQUIREMENT_NEVER_HOLDS: 'error',
  RESIDENCY_CONFLICT: 'warning',
  RETENTION_OVER_QUOTA: 'warning',
  SELECTOR_EMPTY: 'error',
  TARGETS_CONTRADICT: 'warning',
  TARGET_NEVER_VALID: 'error',
  TENANTS_OVERLAP: 'error',
  TENANT_UNKNOWN: 'error',
} as const satisfies Record<string, 'error' | 'warning'>;

/** Stable for good. */
export type FindingCode = keyof typeof severities;

/** Something about policies taken together that their authors will hardly want. */
export type Finding = {
  readonly code: FindingCode;
  readonly severity: 'error' | 'warning';
  /** The one to look at first, then the others concerned. */
  readonly policyIds: readonly string[];
  /** Where in the first one's document, dotted: `spec.replicate.0`. */
  readonly path: string;
  /** An image that proves it; null where it needs none. */
  readonly witness: Image | null;
  /** What is wrong, and what to do. */
  readonly message: string;
};

export const finding = (
  code: FindingCode,
  policyIds: readonly string[],
  path: string,
  witness: Image | null,
  message: string,
): Finding => ({
  code,
  severity: severities[code],
  policyIds,
  path,
  witness,
  message,
});
