/**
 * Exit codes: scripts and people rely on them. 70 is EX_SOFTWARE of sysexits(3): no answer at all, because something here is broken. 130 is
 * what shells say of a process that Ctrl-C has ended.
 */
export const exitCodes = { done: 0, no: 1, usage: 2, unreachable: 3, fault: 70, interrupted: 130 } as const;
export type ExitCode = (typeof exitCodes)[keyof typeof exitCodes];

/** Ends a command: what is wrong, and what to do next. */
export class CliError extends Error {
  override readonly name = 'CliError';
  readonly exitCode: ExitCode;
  readonly next: string;

  constructor(exitCode: ExitCode, message: string, next: string, options?: ErrorOptions) {
    super(message, options);
    this.exitCode = exitCode;
    this.next = next;
  }
}
