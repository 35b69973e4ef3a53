import { createRegistryClient, type ClientOptions, type RegistryClient } from './client.ts';
import { OciError } from './errors.ts';
import type { Registry } from './settings.ts';

/** A registry by the name policies use or by the host events use; undefined when it is not configured. */
export const findRegistry = (
  registries: readonly Registry[],
  by: { readonly name: string } | { readonly host: string },
): Registry | undefined => registries.find((registry) => ('name' in by ? registry.name === by.name : registry.host === by.host));

/** One client per registry, opened on first use. */
export type RegistryClients = {
  /** @throws OciError `REGISTRY_NOT_CONFIGURED`, with what to write where */
  readonly forHost: (host: string) => RegistryClient;
  /** @throws OciError `REGISTRY_NOT_CONFIGURED` */
  readonly forName: (name: string) => RegistryClient;
  readonly close: () => Promise<void>;
};

export function createRegistryClients(registries: readonly Registry[], options: ClientOptions = {}): RegistryClients {
  const clients = new Map<string, RegistryClient>();
  const open = (registry: Registry | undefined, wanted: string): RegistryClient => {
    if (!registry) {
      const message = `registry ${wanted} is not configured: add it to config/registries.yaml and restart`;
      throw new OciError('REGISTRY_NOT_CONFIGURED', message, { host: wanted, repository: '' });
    }
    const client = clients.get(registry.name) ?? createRegistryClient(registry, options);
    clients.set(registry.name, client);
    return client;
  };
  return {
    forHost: (host) => open(findRegistry(registries, { host }), host),
    forName: (name) => open(findRegistry(registries, { name }), name),
    close: async () => {
      await Promise.all([...clients.values()].map((client) => client.close()));
    },
  };
}
