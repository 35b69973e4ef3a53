import type { Environment } from '@waybill/config';
import { misconfigured, unavailable, type Credentials } from './credentials.ts';

export type HelperCall = {
  /** As in docker's config: `ecr-login` for the program `docker-credential-ecr-login`. */
  readonly name: string;
  /** Name that the helper knows the registry by. */
  readonly server: string;
  /** For messages. */
  readonly host: string;
  /** Given to the helper whole: it may need a home, a session bus, a cloud's settings. */
  readonly env: Environment;
  readonly timeoutMs?: number;
  readonly signal: AbortSignal;
};

export const helperName = /^[A-Za-z0-9][A-Za-z0-9._-]{0,63}$/;
const timeoutMsDefault = 30_000;
const outputBytesMax = 262_144;
/** How all helpers say that they have none (docker-credential-helpers, `credentials.NewErrCredentialsNotFound`). */
const notFound = /credentials not found in native keychain/;

/**
 * Asks a docker credential helper: a program on the PATH, run without a shell, bounded in time and output.
 * @returns undefined where it has none
 * @throws OciError `REGISTRY_UNAUTHORIZED` when it is missing or answers nonsense, `CREDENTIALS_UNAVAILABLE` when it fails or is too slow
 */
export async function askHelper({
  name,
  server,
  host,
  env,
  timeoutMs = timeoutMsDefault,
  signal,
}: HelperCall): Promise<Credentials | undefined> {
  if (!helperName.test(name))
    throw misconfigured(host, `the name of the credential helper for ${host} is none: write it without path and prefix`);
  const program = `docker-credential-${name}`;
  signal.throwIfAborted();
  const { execa } = await import('execa'); // Few need it, and it takes long to load.
  const { exitCode, code, timedOut, isMaxBuffer, stdout } = await execa(program, ['get'], {
    ...{ env: { ...env }, extendEnv: false, input: server, reject: false, stderr: 'ignore', timeout: timeoutMs, cancelSignal: signal },
    ...{ maxBuffer: outputBytesMax, forceKillAfterDelay: 1_000, killDescendants: true },
  });
  signal.throwIfAborted();
  if (code === 'ENOENT' || code === 'EACCES')
    throw misconfigured(host, `${program} cannot be run (${code}): install it, or correct its name`);
  if (isMaxBuffer) throw misconfigured(host, `${program} wrote more than ${outputBytesMax} bytes for ${host}: is it a credential helper?`);
  if (timedOut)
    throw unavailable(host, `${program} took longer than ${timeoutMs} ms for ${host}: run it by hand, it may wait for somebody`);
  if (exitCode === 0) return parseHelperAnswer(stdout, program, host);
  if (notFound.test(stdout)) return undefined;
  throw unavailable(host, `${program} failed for ${host} (exit ${exitCode ?? 'by a signal'}): run it by hand to see why`);
}

function parseHelperAnswer(stdout: string, program: string, host: string): Credentials | undefined {
  let answer: unknown;
  try {
    answer = JSON.parse(stdout);
  } catch {
    answer = undefined; // The cause would quote the answer.
  }
  const { Username: username, Secret: secret } = Object(answer) as Readonly<Record<string, unknown>>;
  if (typeof username !== 'string' || typeof secret !== 'string')
    throw misconfigured(host, `${program} answered something else than credentials for ${host}: is it a credential helper?`);
  if (secret === '') return undefined;
  return username === '<token>' ? { kind: 'identity-token', token: secret } : { kind: 'password', username, password: secret };
}
