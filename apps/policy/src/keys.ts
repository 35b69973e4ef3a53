import { ConfigError, readBounded } from '@waybill/config';
import { parseKeyRing, type KeyRing } from '@waybill/policy-engine';

/**
 * The keys of confidential policies; undefined where no file is named.
 * @throws ConfigError that says what is wrong, and nothing of what the file holds
 */
export function loadKeys(path: string): KeyRing | undefined {
  if (path === '') return undefined;
  const text = readBounded(path);
  try {
    return parseKeyRing(text);
  } catch (cause) {
    throw new ConfigError(`POLICY_KEY_FILE ${path}: ${cause instanceof Error ? cause.message : String(cause)}`, { cause });
  }
}
