import type { Environment } from '@waybill/config';
import type { Dispatcher } from 'undici';
import type { Registry } from '../host/settings.ts';
import { acrSource } from './acr.ts';
import { askHelper } from './credential-helper.ts';
import type { CredentialSource } from './credentials.ts';
import { dockerSource, serverOf } from './docker-config.ts';
import { ecrSource } from './ecr.ts';
import { garSource } from './gar.ts';
import { keptSource } from './kept-source.ts';
import { readSecretFile } from './secret-file.ts';

export type SourceContext = {
  readonly env: Environment;
  readonly nowMs: () => number;
  /** Root of the registry's API, and the connections to it. */
  readonly origin: string;
  readonly dispatcher: Dispatcher;
};

/** Where a registry's credentials come from, after its entry in `registries.yaml`. */
export function sourceOf(registry: Registry, context: SourceContext): CredentialSource {
  const { credentials, username, passwordFile } = registry;
  const { env, nowMs } = context;
  switch (credentials?.kind) {
    case undefined:
      return username === undefined || passwordFile === undefined ? anonymous : passwordSource(username, passwordFile, registry.name);
    case 'docker':
      return keptSource(dockerSource(credentials.configFile, env), nowMs);
    case 'helper': {
      const name = credentials.helper;
      return keptSource({ find: (host, signal) => askHelper({ name, server: serverOf(host), host, env, signal }) }, nowMs);
    }
    case 'ecr':
      return keptSource(ecrSource({ ...credentials, env, nowMs }), nowMs);
    case 'gar':
      return keptSource(garSource({ ...credentials, env, nowMs }), nowMs);
    case 'acr':
      return keptSource(acrSource({ ...credentials, ...context }), nowMs);
  }
}

const anonymous: CredentialSource = { find: async () => undefined };

/** Read at each login, and not kept: a rotated password is taken at once. */
const passwordSource = (username: string, passwordFile: string, name: string): CredentialSource => ({
  find: async (host) => ({
    kind: 'password',
    username,
    password: await readSecretFile(passwordFile, `passwordFile of registry ${name}`, host),
  }),
});
