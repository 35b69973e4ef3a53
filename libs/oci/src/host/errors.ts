/** Whether another try can help, per code: this table is the whole retry policy towards registries. */
const retries = {
  REFERENCE_INVALID: false,
  PLATFORM_INVALID: false,
  REGISTRY_NOT_CONFIGURED: false,
  REGISTRY_UNAUTHORIZED: false, // 401 with what we have: more tries lock accounts.
  REGISTRY_DENIED: false,
  CREDENTIALS_UNAVAILABLE: true, // What gives them out is down or too slow; what it refuses is REGISTRY_UNAUTHORIZED.
  REGISTRY_RATE_LIMITED: true,
  REGISTRY_UNAVAILABLE: true, // 5xx, refused or cut connections.
  REGISTRY_TIMEOUT: true,
  REGISTRY_UNTRUSTED: false, // Its certificate, or ours to it.
  REGISTRY_REJECTED: false, // Any other 4xx: the same request gets the same answer.
  REGISTRY_UNSUPPORTED: false, // It does not offer this at all: deletion, a catalog.
  REGISTRY_PROTOCOL: false, // An answer outside the distribution spec.
  REDIRECT_REFUSED: false,
  CONTENT_NOT_FOUND: false,
  CONTENT_TOO_LARGE: false,
  CONTENT_SIZE_MISMATCH: true, // Mostly a cut transfer; a registry that lies runs out of tries.
  CONTENT_DIGEST_MISMATCH: true,
  MANIFEST_INVALID: false,
  MANIFEST_UNSUPPORTED: false,
  COPY_UNVERIFIED: true, // The target answered otherwise than it took; a second copy puts it right.
} as const satisfies Record<string, boolean>;

/** Stable for good: events, dashboards and runbooks refer to it. */
export type OciErrorCode = keyof typeof retries;

export type OciErrorDetails = {
  /** `host[:port]` of the registry; never a URL, whose query may be a credential (signed redirects, upload sessions). */
  readonly host: string;
  readonly repository: string;
  /** HTTP status, where there was an answer. */
  readonly status?: number;
  /** First `errors[].code` of the answer (OCI distribution spec 1.1, "Error Codes"). */
  readonly registryCode?: string;
  /** From Retry-After or the RateLimit headers, at most an hour. */
  readonly retryAfterMs?: number;
  readonly cause?: unknown;
};

/**
 * What went wrong with a registry or its content. The message tells what to do next. Neither it nor a cause holds a secret: what a
 * registry or a realm answered is never quoted, and errors of the network below, which may hold bytes, are named by their code.
 */
export class OciError extends Error {
  override readonly name = 'OciError';
  readonly code: OciErrorCode;
  readonly host: string;
  readonly repository: string;
  readonly status: number | undefined;
  readonly registryCode: string | undefined;
  readonly retryAfterMs: number | undefined;
  /** Whether another try can help. */
  readonly retry: boolean;

  constructor(code: OciErrorCode, message: string, details: OciErrorDetails) {
    super(message, { cause: details.cause });
    this.code = code;
    this.host = details.host;
    this.repository = details.repository;
    this.status = details.status;
    this.registryCode = details.registryCode;
    this.retryAfterMs = details.retryAfterMs;
    this.retry = retries[code];
  }
}
