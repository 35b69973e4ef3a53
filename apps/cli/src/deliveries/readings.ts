import { join } from 'node:path';
import { ConfigError, loadYaml } from '@waybill/config';
import { endpointOf, SourcesFile, type SourceKind, type SourceSettings } from '@waybill/webhook-sources';
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

/** @throws CliError 2 for an endpoint that is not there, or is of another kind */
export function settingsOfEndpoint(
  configDir: string,
  env: Readonly<Record<string, string | undefined>>,
  endpoint: string,
  kind: SourceKind,
): SourceSettings {
  const readings = loadReadings(configDir, env);
  const reading = readings.get(endpoint);
  if (reading?.kind === kind) return reading.settings;
  const what = reading === undefined ? 'is not in sources.yaml' : `is of ${reading.kind}, not of ${kind}`;
  throw new CliError(exitCodes.usage, `the endpoint ${endpoint} ${what}`, `There are ${[...readings.keys()].join(', ')}.`);
}
