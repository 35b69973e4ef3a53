import { CommanderError } from 'commander';
import type { Console } from './console.ts';
import { CliError, type ExitCode, exitCodes } from './exit.ts';

/** Says why a command ended early. Whatever nobody has foreseen is a fault of ours, never an answer. */
export function endWith(error: unknown, { err, style }: Pick<Console, 'err' | 'style'>): ExitCode {
  if (error instanceof CommanderError) return error.exitCode === 0 ? exitCodes.done : exitCodes.usage; // It has spoken.
  if (error instanceof CliError) {
    err(`${style('red', 'waybill:')} ${error.message}\n${error.next}`);
    return error.exitCode;
  }
  const known = error instanceof Error ? error : new Error(String(error));
  err(`${style('red', 'waybill:')} ${known.message}`);
  err('This is a fault of Waybill, not of your command, and no answer to it. Please report it to the project with the lines below.');
  err(`node ${process.version}, ${process.platform} ${process.arch}\n${known.stack ?? known.message}`);
  return exitCodes.fault;
}
