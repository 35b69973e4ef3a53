import { askKeyCommand, ConfigError, readBounded, type Environment } from '@waybill/config';
import { openKeyRing, parseKeyRing, type KeyRing } from '@waybill/policy-engine';

export type KeysOptions = {
  /** File of the keys; empty for none. */
  readonly path: string;
  /** What unwraps those that lie there wrapped; empty for nothing. */
  readonly program: string;
  readonly env: Environment;
};

/**
 * The keys of confidential policies; undefined where no file is named.
 * @throws ConfigError that says what is wrong, and nothing of what the file or the program says
 */
export async function loadKeys({ path, program, env }: KeysOptions): Promise<KeyRing | undefined> {
  if (path === '') return undefined;
  const text = readBounded(path);
  try {
    return program === ''
      ? parseKeyRing(text)
      : await openKeyRing(text, async (id, wrapped) => askKeyCommand({ program, env }, id, wrapped));
  } catch (cause) {
    throw new ConfigError(`POLICY_KEY_FILE ${path}: ${cause instanceof Error ? cause.message : String(cause)}`, { cause });
  }
}
