/** Stable codes of the local stack; the message says what to do next. */
export type InfraErrorCode =
  | 'TOOL_MISSING' // A program that this machine does not have: the message says how to get it.
  | 'DOWNLOAD_FAILED' // Maven or Go could not bring a tool; starting again tries again.
  | 'PORT_TAKEN' // Somebody else listens there.
  | 'NOT_READY' // A process ended or did not answer in time; its last log lines are in the message.
  | 'LOCKED' // Another start is at work.
  | 'STILL_RUNNING' // A process outlived its kill.
  | 'DATA_IN_USE' // The data directory belongs to a process that is alive.
  | 'DEPLOY_FAILED'; // Topics, schemas or policies could not be deployed.

export class InfraError extends Error {
  override readonly name = 'InfraError';
  readonly code: InfraErrorCode;

  constructor(code: InfraErrorCode, message: string, options?: ErrorOptions) {
    super(message, options);
    this.code = code;
  }
}
