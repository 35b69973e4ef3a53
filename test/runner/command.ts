import { spawn } from 'node:child_process';
import type { Outcome } from './outcome.ts';
import { killMarked, markerName } from './processes.ts';
import type { RunOptions } from './test-file.ts';

/** More than any tool says that somebody reads to the end; what lies before it is cut. */
const outputLengthMax = 262_144;

/** Runs a tool under this very Node; it holds when the tool exits with 0. All that it said is the fault otherwise. */
export async function runCommand(name: string, argv: readonly string[], options: RunOptions): Promise<Outcome> {
  const { cwd, marker, signal, timeoutMs } = options;
  const env = { ...options.env, [markerName]: marker, NO_COLOR: '1' };
  const child = spawn(process.execPath, argv, { cwd, env, stdio: ['ignore', 'pipe', 'pipe'] });
  const stopped = AbortSignal.any([signal, AbortSignal.timeout(timeoutMs)]);
  stopped.addEventListener('abort', () => void killMarked(marker, 0));

  let output = '';
  for (const stream of [child.stdout, child.stderr]) {
    stream.setEncoding('utf8').on('data', (text: string) => (output = `${output}${text}`.slice(-outputLengthMax)));
  }
  const ending = await new Promise<string>((resolve) => {
    child.once('error', (error) => resolve(`could not start: ${error.message}`));
    child.once('close', (code, killedBy) => resolve(killedBy === null ? `exit ${code}` : `killed by ${killedBy}`));
  });
  if (ending === 'exit 0') return { passedCount: 1, faults: [], skips: [] };

  const why = stopped.aborted ? `${ending}: took longer than ${Math.round(timeoutMs / 1_000)} s, or the run ended` : ending;
  return { passedCount: 0, faults: [{ where: name, what: `${output.trim()}\n${why}` }], skips: [] };
}
