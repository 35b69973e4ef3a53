import { processConsole } from './console.ts';
import { endWith } from './ending.ts';
import { exitCodes } from './exit.ts';
import { createProgram } from './program.ts';

const console = processConsole(process.stdout, process.stderr, process.env);
// A reader that goes away (`| head`) ends the output, not with a fault.
process.stdout.on('error', (error: NodeJS.ErrnoException) => process.exit(error.code === 'EPIPE' ? exitCodes.done : exitCodes.unreachable));
process.on('uncaughtException', (error) => process.exit(endWith(error, console)));

try {
  const program = createProgram({ console, env: process.env, onExit: (code) => (process.exitCode = code) });
  if (process.argv.length <= 2) {
    program.outputHelp({ error: true });
    process.exitCode = exitCodes.usage;
  } else await program.parseAsync();
} catch (error) {
  process.exitCode = endWith(error, console);
}
