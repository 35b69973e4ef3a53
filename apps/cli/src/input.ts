import { readFile } from 'node:fs/promises';
import { buffer } from 'node:stream/consumers';
import { CliError, exitCodes } from './exit.ts';

/** A file that the command line names; `-` is standard input. @throws CliError 2 where it cannot be read */
export const readInput = (path: string): Promise<Buffer> =>
  (path === '-' ? buffer(process.stdin) : readFile(path)).catch((cause: NodeJS.ErrnoException) => {
    throw new CliError(exitCodes.usage, `${path} cannot be read: ${cause.code ?? cause.message}`, 'Name a file, or - for standard input.', {
      cause,
    });
  });
