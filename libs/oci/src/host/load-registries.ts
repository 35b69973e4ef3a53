import { ConfigError, loadYaml, type Environment } from '@waybill/config';
import { findFaults, RegistriesFile, type Registry } from './settings.ts';

/**
 * Reads `registries.yaml`; `${NAME}` and `${NAME:-default}` in its values are filled from `env`.
 * @throws ConfigError that lists the faults all at once
 */
export function loadRegistries(path: string, env: Environment = process.env): readonly Registry[] {
  const file = loadYaml(path, RegistriesFile, env);
  const faults = findFaults(file);
  if (faults.length > 0) throw new ConfigError(`${path} is not as it must be:\n${faults.map((fault) => `  ${fault}`).join('\n')}`);
  return file.registries;
}
