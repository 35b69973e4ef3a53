import { JobError } from '@waybill/stream';

/** What each failure of a scan means for the job: this table is the whole policy. A verdict is never made from a failure. */
const retries = {
  SCANNER_MISSING: false, // No try installs a program.
  SCANNER_TARGET_INVALID: false, // Not an image's name: it never reaches a command line.
  SCANNER_TIMEOUT: true,
  SCANNER_FAILED: true, // The tool says so: network, registry, its database.
  SCANNER_OUTPUT_INVALID: true, // Cut short or in the middle of a database update as likely as for good.
  SCANNER_OUTPUT_TOO_LARGE: false, // The same image prints the same again.
} as const satisfies Record<string, boolean>;

/** Stable for good: events, dashboards and runbooks refer to it. */
export type ScannerErrorCode = keyof typeof retries;

export const scannerError = (code: ScannerErrorCode, message: string, cause?: unknown): JobError =>
  new JobError(code, message, { retry: retries[code], cause });
