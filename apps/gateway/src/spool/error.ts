/** Stable: answers, logs and the runbook carry them. */
export type SpoolErrorCode =
  /** The bound or the disk is reached. */
  | 'SPOOL_FULL'
  /** The disk does not take what it is given. */
  | 'SPOOL_FAILED'
  /** Another process has the folder. */
  | 'SPOOL_IN_USE';

export class SpoolError extends Error {
  override readonly name = 'SpoolError';
  readonly code: SpoolErrorCode;

  constructor(code: SpoolErrorCode, message: string, options?: ErrorOptions) {
    super(message, options);
    this.code = code;
  }
}
