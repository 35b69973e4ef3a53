import { readdirSync } from 'node:fs';
import { join } from 'node:path';
import { ConfigError, readBounded } from '@waybill/config';
import type { InspectorConfig } from '../config.ts';
import { parsePublicKey, type TrustedKey } from './keys.ts';
import { createTrust, type Trust } from './trust.ts';

/** Each signature is tried with each of them. */
const keysMax = 100;

/**
 * What the configuration names; undefined where it names nothing: then nobody looks at signatures.
 * @throws ConfigError that names the file and what is wrong with it
 */
export function loadTrust(config: Pick<InspectorConfig, 'SIGNATURE_KEYS_DIR' | 'SIGNATURE_TRUSTED_ROOT_FILE'>): Trust | undefined {
  const { SIGNATURE_KEYS_DIR: keysDir, SIGNATURE_TRUSTED_ROOT_FILE: rootPath } = config;
  if (keysDir === '' && rootPath === '') return undefined;
  const keys = keysDir === '' ? [] : loadKeys(keysDir);
  const root = rootPath === '' ? undefined : readBounded(rootPath);
  return explained('SIGNATURE_TRUSTED_ROOT_FILE', rootPath, () => createTrust(keys, root));
}

/** For whoever wonders why a signature does not count. */
export const describeTrust = (trust: Trust | undefined): string => {
  if (trust === undefined) return 'not looked at: neither SIGNATURE_KEYS_DIR nor SIGNATURE_TRUSTED_ROOT_FILE is set';
  return `verified by ${trust.keys.length} keys and ${trust.verifier === undefined ? 'no' : 'a'} trusted root`;
};

function loadKeys(dir: string): readonly TrustedKey[] {
  const names = namesIn(dir).filter((name) => /[.](pub|pem)$/.test(name));
  if (names.length === 0) throw new ConfigError(`SIGNATURE_KEYS_DIR ${dir} has no file *.pub or *.pem: put the public keys there`);
  if (names.length > keysMax) throw new ConfigError(`SIGNATURE_KEYS_DIR ${dir} has ${names.length} keys; ${keysMax} are taken at most`);
  return names.map((name) => {
    const path = join(dir, name);
    const pem = readBounded(path);
    return explained('SIGNATURE_KEYS_DIR', path, () => parsePublicKey(pem));
  });
}

function namesIn(dir: string): readonly string[] {
  try {
    return readdirSync(dir).toSorted();
  } catch (cause) {
    throw new ConfigError(`SIGNATURE_KEYS_DIR ${dir} cannot be read; see that it exists and may be read`, { cause });
  }
}

function explained<T>(name: string, path: string, parse: () => T): T {
  try {
    return parse();
  } catch (cause) {
    throw new ConfigError(`${name} ${path} ${cause instanceof Error ? cause.message : String(cause)}`, { cause });
  }
}
