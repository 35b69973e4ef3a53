import type { Environment } from '@waybill/config';
import type { Registry } from './settings.ts';

/**
 * Reads `registries.yaml`; `${NAME}` and `${NAME:-default}` in its values are filled from `env`.
 * What that takes is loaded by those alone who have such a file: it is more than all else that a request needs.
 * @throws ConfigError that lists the faults all at once
 */
export async function loadRegistries(path: string, env: Environment = process.env): Promise<readonly Registry[]> {
  const { ConfigError, loadYaml } = await import('@waybill/config');
  const { findFaults, RegistriesFile } = await import('./settings.ts');
  const file = loadYaml(path, RegistriesFile, env);
  const faults = findFaults(file);
  if (faults.length > 0) throw new ConfigError(`${path} is not as it must be:\n${faults.map((fault) => `  ${fault}`).join('\n')}`);
  return file.registries;
}
