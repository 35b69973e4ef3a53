import { JobError } from '@waybill/stream';
import { OciError, type OciErrorCode } from './errors.ts';

/** The registry did not answer, takes no more for now, or nobody says who we are to it: the other jobs of that host need not try. */
const saysHostIsDown: ReadonlySet<OciErrorCode> = new Set<OciErrorCode>([
  'REGISTRY_UNAVAILABLE',
  'REGISTRY_TIMEOUT',
  'REGISTRY_RATE_LIMITED',
  'CREDENTIALS_UNAVAILABLE',
]);

/** What a job throws for a failure at a registry: the same code, and whether and when to try again. Other errors stay as they are. */
export const asJobError = (error: unknown): unknown =>
  error instanceof OciError
    ? new JobError(error.code, error.message, {
        retry: error.retry,
        ...(error.retryAfterMs === undefined ? {} : { retryAfterMs: error.retryAfterMs }),
        ...(saysHostIsDown.has(error.code) ? { hostDown: error.host } : {}),
        cause: error,
      })
    : error;
