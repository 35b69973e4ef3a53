import { ConfigError, type Environment } from './config.ts';

export type KeyCommand = {
  /** Path of a program, run without a shell. */
  readonly program: string;
  /** Given to it whole: the client of a key management service finds its own settings there. */
  readonly env: Environment;
  readonly timeoutMs?: number;
};

const timeoutMsDefault = 30_000;
/** A key is 44 characters long. */
const outputBytesMax = 1_024;

/**
 * Has a program unwrap a key: `<program> <key id>` gets the wrapped key on stdin and answers with the key on stdout. So any client of a
 * key management service can stand behind it, and neither key is ever on a command line.
 * @returns what it has written
 * @throws ConfigError that names the program and the key, and nothing of what was written
 */
export async function askKeyCommand(
  { program, env, timeoutMs = timeoutMsDefault }: KeyCommand,
  keyId: string,
  wrapped: string,
): Promise<string> {
  const { execa } = await import('execa'); // Few need it, and it takes long to load.
  const running = execa(program, [keyId], {
    ...{ env: { ...env }, extendEnv: false, input: wrapped, reject: false, stderr: 'ignore', timeout: timeoutMs },
    ...{ maxBuffer: outputBytesMax, forceKillAfterDelay: 1_000, killDescendants: true },
  });
  const { exitCode, code, timedOut, isMaxBuffer, stdout } = await running;
  const what = `${program} for the key ${keyId}`;
  if (code === 'ENOENT' || code === 'EACCES')
    throw new ConfigError(`${program} cannot be run (${code}): correct its path, or make it executable`);
  if (isMaxBuffer)
    throw new ConfigError(`${what} wrote more than ${outputBytesMax} bytes: it must write the key in base64, and nothing else`);
  if (timedOut) throw new ConfigError(`${what} took longer than ${timeoutMs} ms: run it by hand, it may wait for somebody`);
  if (exitCode !== 0) throw new ConfigError(`${what} failed (exit ${exitCode ?? 'by a signal'}): run it by hand to see why`);
  return stdout;
}
