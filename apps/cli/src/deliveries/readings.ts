import { join } from 'node:path';
import { ConfigError, loadYaml } from '@waybill/app-kit';
import { endpointOf, SourcesFile } from '@waybill/webhook-sources';
import { CliError, exitCodes } from '../exit.ts';
import type { Reading } from './replay.ts';

/**
 * How each endpoint is read today, by `sources.yaml`. Secrets are left alone: who reads again what was let in needs none.
 * @throws CliError 2 with all faults of the file
 */
export function loadReadings(configDir: string, env: Readonly<Record<string, string | undefined>>): ReadonlyMap<string, Reading> {
  const path = join(configDir, 'sources.yaml');
  try {
    const { sources } = loadYaml(path, SourcesFile, { ...env, SECRETS_DIR: env['SECRETS_DIR'] ?? 'secrets' });
    return new Map(sources.map(endpointOf).map(({ name, kind, settings }) => [name, { kind, settings }]));
  } catch (cause) {
    if (!(cause instanceof ConfigError)) throw cause;
    throw new CliError(exitCodes.usage, cause.message, 'Name its folder with --config or CONFIG_DIR.', { cause });
  }
}
