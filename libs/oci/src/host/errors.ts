/** What a registry gives for something else than what it was asked for: an answer about content, not a failure of the registry. */
export type ContentFault = 'missing' | 'size' | 'digest' | 'invalid';

type Meaning = {
  /** Whether another try can help. */
  readonly retry: boolean;
  /** `broken-off`: the host has not taken the request, or its answer was lost. `turned-away`: it takes no more for now. */
  readonly trouble?: 'broken-off' | 'turned-away' | 'credentials';
  readonly content?: ContentFault;
};

/** What each code stands for. All that decides by codes, decides by this table. */
const meanings = {
  REFERENCE_INVALID: { retry: false },
  PLATFORM_INVALID: { retry: false },
  REGISTRY_NOT_CONFIGURED: { retry: false },
  REGISTRY_UNAUTHORIZED: { retry: false }, // 401 with what we have: more tries lock accounts.
  REGISTRY_DENIED: { retry: false },
  CREDENTIALS_UNAVAILABLE: { retry: true, trouble: 'credentials' }, // Who gives them out is down; what it refuses is REGISTRY_UNAUTHORIZED.
  REGISTRY_RATE_LIMITED: { retry: true, trouble: 'turned-away' },
  REGISTRY_UNAVAILABLE: { retry: true, trouble: 'broken-off' }, // 5xx, refused or cut connections.
  REGISTRY_TIMEOUT: { retry: true, trouble: 'broken-off' },
  REGISTRY_UNTRUSTED: { retry: false }, // Its certificate, or ours to it.
  REGISTRY_REJECTED: { retry: false }, // Any other 4xx: the same request gets the same answer.
  REGISTRY_UNSUPPORTED: { retry: false }, // It does not offer this at all: deletion, a catalog.
  REGISTRY_PROTOCOL: { retry: false }, // An answer outside the distribution spec.
  REDIRECT_REFUSED: { retry: false },
  CONTENT_NOT_FOUND: { retry: false, content: 'missing' },
  CONTENT_TOO_LARGE: { retry: false, content: 'size' },
  CONTENT_SIZE_MISMATCH: { retry: true, content: 'size' }, // Mostly a cut transfer; a registry that lies runs out of tries.
  CONTENT_DIGEST_MISMATCH: { retry: true, content: 'digest' },
  MANIFEST_INVALID: { retry: false, content: 'invalid' },
  MANIFEST_UNSUPPORTED: { retry: false, content: 'invalid' },
  COPY_UNVERIFIED: { retry: true }, // The target answered otherwise than it took; a second copy puts it right.
} as const satisfies Record<string, Meaning>;

/** Stable for good: events, dashboards and runbooks refer to it. */
export type OciErrorCode = keyof typeof meanings;

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
    this.retry = meanings[code].retry;
  }
}

const meaningOf = (error: unknown): Meaning | undefined => (error instanceof OciError ? meanings[error.code] : undefined);

/** What an error says about content; undefined where it says nothing about that. */
export const contentFaultOf = (error: unknown): ContentFault | undefined => meaningOf(error)?.content;

/** Whether the host takes no more requests for now: nothing has come of this one. */
export const isTurnedAway = (error: unknown): boolean => meaningOf(error)?.trouble === 'turned-away';

/** Whether the way was at fault and neither the request nor its content, so that the same once more may go well. */
export const mayPass = (error: unknown): boolean => meaningOf(error)?.trouble === 'broken-off' || isTurnedAway(error);

/** The host does not answer, takes no more for now, or nobody says who we are to it: whatever else is for it need not try. */
export const isHostDown = (error: unknown): boolean => meaningOf(error)?.trouble !== undefined;
