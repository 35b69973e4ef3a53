import { createRegistryClient, findRegistry, loadRegistries, type Registry, type RegistryClient } from '@waybill/oci';
import { CliError, exitCodes } from '../exit.ts';

export type RegistryOptions = {
  /** `registries.yaml`; undefined: none. */
  readonly registriesPath: string | undefined;
  /** Hosts to be spoken to without TLS, beside those of this machine. */
  readonly plainHttp: readonly string[];
  /** PEM file of the authority of hosts that name none themselves. */
  readonly caFile: string | undefined;
  readonly env: Readonly<Record<string, string | undefined>>;
};

/** One client per host, opened on first use. */
export type OpenRegistries = { readonly forHost: (host: string) => RegistryClient; readonly close: () => Promise<void> };

/**
 * Clients by `registries.yaml`; a host that is not in it is spoken to as Docker does, with the credentials of `docker login`.
 * @throws CliError 2 where a file is wrong
 */
export async function openRegistries(options: RegistryOptions): Promise<OpenRegistries> {
  const registries = await readRegistries(options);
  const clients = new Map<string, RegistryClient>();
  return {
    forHost(host) {
      const client = clients.get(host) ?? createRegistryClient(registryOf(host, registries, options), { env: options.env });
      clients.set(host, client);
      return client;
    },
    close: async () => {
      await Promise.all([...clients.values()].map((client) => client.close()));
    },
  };
}

async function readRegistries({ registriesPath, env }: RegistryOptions): Promise<readonly Registry[]> {
  if (registriesPath === undefined) return [];
  try {
    return await loadRegistries(registriesPath, env);
  } catch (cause) {
    const { ConfigError } = await import('@waybill/config');
    if (!(cause instanceof ConfigError)) throw cause;
    throw new CliError(exitCodes.usage, cause.message, 'Mend the file, or name another with --registries.', { cause });
  }
}

/** Docker Hub's API is not where its name says. */
const apiHosts: Readonly<Record<string, string>> = { 'docker.io': 'registry-1.docker.io' };

/** The settings for a host: what the command line says goes before what the file says. */
export function registryOf(
  host: string,
  registries: readonly Registry[],
  { plainHttp, caFile }: Pick<RegistryOptions, 'plainHttp' | 'caFile'>,
): Registry {
  const configured = findRegistry(registries, { host });
  const apiHost = apiHosts[host];
  const asDocker: Registry = { name: host, host, credentials: { kind: 'docker' }, ...(apiHost === undefined ? {} : { apiHost }) };
  const registry = configured ?? asDocker;
  const isPlain = plainHttp.includes(host) || (configured === undefined && caFile === undefined && isLoopback(host));
  return {
    ...registry,
    ...(isPlain ? { plainHttp: true } : {}),
    ...(caFile === undefined || registry.caFile !== undefined ? {} : { caFile }),
  };
}

const isLoopback = (host: string): boolean => /^(localhost|127(\.\d{1,3}){3}|\[::1\])(:\d+)?$/.test(host);
