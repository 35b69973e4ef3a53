import { JobError } from '@waybill/stream';
import { isHostDown, OciError } from './errors.ts';

/** What a job throws for a failure at a registry: the same code, and whether and when to try again. Other errors stay as they are. */
export const asJobError = (error: unknown): unknown =>
  error instanceof OciError
    ? new JobError(error.code, error.message, {
        retry: error.retry,
        ...(error.retryAfterMs === undefined ? {} : { retryAfterMs: error.retryAfterMs }),
        ...(isHostDown(error) ? { hostDown: error.host } : {}),
        cause: error,
      })
    : error;
