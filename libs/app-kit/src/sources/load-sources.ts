import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { endpointOf, entryFaults, findSecretFault, secretFilesOf, SourcesFile, type Endpoint, type Secret } from '@waybill/webhook-sources';
import { ConfigError, type Environment } from '@waybill/config';
import { checkYaml, placed, readBounded, type Place, type PlacedFault } from '@waybill/config';

/** `sources.yaml` with the secret files that it names. */
export type LoadedSources = {
  readonly endpoints: readonly Endpoint[];
  readonly faults: readonly PlacedFault[];
  /** Where an endpoint stands in the file. */
  readonly placeOf: (name: string) => Place;
  /** Every file that was read, or should have been: a change of any of them calls for reading all again. */
  readonly files: readonly string[];
};

export const sourcesPathOf = (configDir: string): string => join(configDir, 'sources.yaml');

/**
 * Reads `sources.yaml` and the secret files that it names. With faults there are no endpoints: half a configuration is none.
 * @throws ConfigError where the file itself cannot be read
 */
export function checkSources(configDir: string, env: Environment): LoadedSources {
  const path = sourcesPathOf(configDir);
  const yaml = checkYaml(readBounded(path), SourcesFile, env);
  if (!yaml.ok) return { endpoints: [], faults: yaml.faults, placeOf: () => ({ line: 1, column: 1 }), files: [path] };
  const { value, placeOf } = yaml;
  const faults: PlacedFault[] = [];
  const endpoints: Endpoint[] = [];
  const indexes = new Map<string, number>();
  for (const [index, entry] of value.sources.entries()) {
    const fault = (at: readonly (string | number)[], message: string): void =>
      void faults.push({
        ...placeOf(['sources', index, ...at]),
        message: `${entry.name}: ${at.length > 0 ? `${at.join('.')} ` : ''}${message}`,
      });
    if (indexes.has(entry.name)) fault(['name'], 'is there twice');
    indexes.set(entry.name, index);
    for (const { path: at, message } of entryFaults(entry)) fault(at, message);
    const endpoint = endpointOf(entry);
    const secrets = secretFilesOf(entry.auth).flatMap((file, at): readonly Secret[] => {
      const read = readSecret(endpoint, file.file);
      if ('fault' in read) fault(['auth', 'secretFiles', at], read.fault);
      return 'fault' in read ? [] : [{ id: file.id, value: read.secret, notAfterMs: file.notAfterMs }];
    });
    endpoints.push({ ...endpoint, secrets });
  }
  const files = [path, ...value.sources.flatMap(({ auth }) => secretFilesOf(auth).map(({ file }) => file))];
  return {
    endpoints: faults.length > 0 ? [] : endpoints,
    faults,
    placeOf: (name) => placeOf(['sources', indexes.get(name) ?? 0]),
    files: [...new Set(files)],
  };
}

/** As {@link checkSources}. @throws ConfigError with all faults at once, without any secret */
export function loadSources(configDir: string, env: Environment): LoadedSources {
  const loaded = checkSources(configDir, env);
  if (loaded.faults.length > 0) throw sourcesError(configDir, loaded.faults);
  return loaded;
}

export const sourcesError = (configDir: string, faults: readonly PlacedFault[]): ConfigError =>
  new ConfigError(`sources are not as they must be:\n${faults.map((fault) => `  ${placed(sourcesPathOf(configDir), fault)}`).join('\n')}`);

const secretBytesMax = 4_096;

function readSecret({ auth }: Pick<Endpoint, 'auth'>, file: string): { readonly secret: string } | { readonly fault: string } {
  let bytes: Buffer;
  try {
    bytes = readFileSync(file);
  } catch {
    return { fault: `the secret file ${file} cannot be read; create it, or take the source out` };
  }
  const secret = bytes.length > secretBytesMax ? '' : bytes.toString('utf8').replace(/\r?\n$/, '');
  const fault = findSecretFault(auth, secret);
  return fault === undefined ? { secret } : { fault: `the secret in ${file} ${fault}` };
}
