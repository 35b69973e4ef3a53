import { OciError, type OciErrorCode } from '@waybill/oci';
import { CliError, exitCodes, type ExitCode } from '../exit.ts';
import { Interrupted } from '../interrupt.ts';

/** All others are of a registry that could not be reached, or of an image that could not be had there. */
const exitCodeOf: Partial<Readonly<Record<OciErrorCode, ExitCode>>> = {
  REFERENCE_INVALID: exitCodes.usage,
  PLATFORM_INVALID: exitCodes.usage,
  COPY_UNVERIFIED: exitCodes.no,
};

/** What to do next, where the error's own text does not end with it. */
const nextOf: Partial<Readonly<Record<OciErrorCode, string>>> = {
  REGISTRY_UNAUTHORIZED: 'Log in with `docker login`, or name user and passwordFile in registries.yaml (--registries).',
  REGISTRY_DENIED: 'Give the account the right to pull there, and to push where it is a target.',
  REGISTRY_RATE_LIMITED: 'Wait, or log in: most registries give accounts a higher limit.',
  REGISTRY_UNAVAILABLE: 'See that it runs and that its name is right. A host without TLS must be said: --plain-http <host>.',
  REGISTRY_TIMEOUT: 'See that it runs and that nothing between here and there drops packets.',
  CONTENT_NOT_FOUND: 'See the name and the tag. Some registries answer so too where an account is needed: `docker login`.',
  MANIFEST_UNSUPPORTED: 'Push it anew with a current client.',
  COPY_UNVERIFIED: 'Run the same command again: what is there already is skipped. `waybill image verify` shows what is missing.',
  REFERENCE_INVALID: 'Write it like registry.example/team/app:1.0, or registry.example/team/app@sha256:…',
  PLATFORM_INVALID: 'Say it like --platform linux/amd64; `waybill image inspect` lists those of an image.',
};

/** What of a registry is told in one line with the next step. Anything else stays as it is: a fault of ours. */
export function asCliError(error: unknown): unknown {
  if (error instanceof Interrupted) return new CliError(exitCodes.interrupted, error.message, 'Nothing was changed.', { cause: error });
  if (!(error instanceof OciError)) return error;
  const exitCode = exitCodeOf[error.code] ?? exitCodes.unreachable;
  return new CliError(exitCode, error.message, nextOf[error.code] ?? `The code is ${error.code}: docs/runbooks/codes.md.`, {
    cause: error,
  });
}
