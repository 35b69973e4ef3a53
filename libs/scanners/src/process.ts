import { execa } from 'execa';
import { scannerError } from './errors.ts';
import { installHint } from './install.ts';

export type RunOptions = {
  readonly argv: readonly string[];
  readonly cwd: string;
  /** All of the environment; nothing is inherited. */
  readonly env: Readonly<Record<string, string>>;
  readonly timeoutMs: number;
  readonly stdoutBytesMax: number;
  readonly stderrBytesMax: number;
  /** From SIGTERM to SIGKILL. */
  readonly killDelayMs: number;
  readonly signal: AbortSignal;
};

export type RunResult = { readonly exitCode: number; readonly stdout: Buffer; readonly stderr: string };

/**
 * Runs a program without a shell, in a process group of its own, and takes the whole group down whichever way it ends: its
 * children do not outlive it. (What calls setsid leaves the group; no scanner known does.)
 *
 * @throws JobError `SCANNER_MISSING`, `SCANNER_TIMEOUT`, `SCANNER_OUTPUT_TOO_LARGE`, or `SCANNER_FAILED` where a signal ended it
 * @throws the signal's reason when it fires; the group is gone by then
 */
export async function runProcess(options: RunOptions): Promise<RunResult> {
  const { argv, timeoutMs, signal } = options;
  const [program, ...args] = argv;
  signal.throwIfAborted();
  const subprocess = execa(program!, args, {
    cwd: options.cwd,
    env: options.env,
    extendEnv: false,
    stdin: 'ignore',
    encoding: 'buffer',
    stripFinalNewline: false,
    maxBuffer: { stdout: options.stdoutBytesMax, stderr: options.stderrBytesMax },
    timeout: Math.max(1, timeoutMs),
    cancelSignal: signal,
    killDescendants: true,
    forceKillAfterDelay: options.killDelayMs,
    reject: false,
  });
  // A grandchild that closed its output would not be waited for, and one that kept it open would be waited for in vain.
  subprocess.nodeChildProcess.once('exit', () => killGroup(subprocess.pid));
  const result = await subprocess;

  signal.throwIfAborted();
  const name = program!;
  if (result.code === 'ENOENT') throw scannerError('SCANNER_MISSING', `${name} is not on the PATH: ${installHint(name)}`);
  if (result.code === 'EACCES') throw scannerError('SCANNER_MISSING', `${name} is not executable: ${installHint(name)}`);
  if (result.isMaxBuffer) {
    const bounds = `${options.stdoutBytesMax} bytes on stdout or ${options.stderrBytesMax} on stderr`;
    throw scannerError('SCANNER_OUTPUT_TOO_LARGE', `${name} wrote more than ${bounds} and was killed`);
  }
  if (result.timedOut) throw scannerError('SCANNER_TIMEOUT', `${name} took longer than ${timeoutMs} ms and was killed`);
  const stderr = Buffer.from(result.stderr).toString('utf8');
  if (result.exitCode === undefined) {
    const how = result.signal === undefined ? (result.code ?? 'could not be started') : `was ended by ${result.signal}`;
    throw scannerError('SCANNER_FAILED', `${name} ${how}`);
  }
  return { exitCode: result.exitCode, stdout: Buffer.from(result.stdout), stderr };
}

function killGroup(pid: number | undefined): void {
  if (pid === undefined) return;
  try {
    process.kill(-pid, 'SIGKILL');
  } catch {
    // ESRCH: nobody is left in it, which is the usual end.
  }
}
