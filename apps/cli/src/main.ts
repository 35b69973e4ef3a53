#!/usr/bin/env node
import { CommanderError } from 'commander';
import { processConsole } from './console.ts';
import { CliError, exitCodes } from './exit.ts';
import { createProgram } from './program.ts';

const console = processConsole(process.stdout, process.stderr);
// A reader that goes away (`| head`) ends the output, not with a fault.
process.stdout.on('error', (error: NodeJS.ErrnoException) => process.exit(error.code === 'EPIPE' ? exitCodes.done : exitCodes.unreachable));

try {
  const program = createProgram({ console, env: process.env, onExit: (code) => (process.exitCode = code) });
  if (process.argv.length <= 2) {
    program.outputHelp({ error: true });
    process.exitCode = exitCodes.usage;
  } else await program.parseAsync();
} catch (error) {
  if (error instanceof CommanderError) process.exitCode = error.exitCode === 0 ? exitCodes.done : exitCodes.usage;
  else if (error instanceof CliError) {
    console.err(`${console.style('red', 'waybill:')} ${error.message}\n${error.next}`);
    process.exitCode = error.exitCode;
  } else {
    console.err(`waybill: ${error instanceof Error ? error.message : String(error)}\nThis should not have happened; see the stack below.`);
    console.err(error instanceof Error ? (error.stack ?? '') : '');
    process.exitCode = exitCodes.no;
  }
}
