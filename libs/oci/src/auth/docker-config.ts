import { existsSync } from 'node:fs';
import { homedir } from 'node:os';
import { join } from 'node:path';
import type { Environment } from '@waybill/config';
import { askHelper } from './credential-helper.ts';
import { misconfigured, type Credentials, type CredentialSource } from './credentials.ts';
import { readSecretFile } from './secret-file.ts';

type Entry = Readonly<Partial<Record<'auth' | 'username' | 'password' | 'identitytoken' | 'registrytoken', unknown>>>;
type Table<T> = Readonly<Record<string, T>>;
export type DockerConfig = {
  readonly auths: Table<Entry>;
  /** Name of the helper that has all of them, if there is one. */
  readonly credsStore: string | undefined;
  /** Names of helpers by host; they go before the store. */
  readonly credHelpers: Table<unknown>;
};

/** What docker, since its first registry, calls Docker Hub. */
const dockerHubKey = 'https://index.docker.io/v1/';
const isDockerHub = (host: string): boolean => ['docker.io', 'index.docker.io', 'registry-1.docker.io'].includes(host);
/** Name that helpers know a host by. */
export const serverOf = (host: string): string => (isDockerHub(host) ? dockerHubKey : host);

/** As `docker login` leaves it: `DOCKER_CONFIG`, else `~/.docker`. */
const dockerConfigPath = (env: Environment): string => join(env['DOCKER_CONFIG'] ?? join(homedir(), '.docker'), 'config.json');

/**
 * What `docker login`, `podman login` or a helper knows. Read anew each time.
 * @param configFile undefined: that of `docker login`, which need not be there
 */
export const dockerSource = (configFile: string | undefined, env: Environment): CredentialSource => ({
  async find(host, signal) {
    const path = configFile ?? dockerConfigPath(env);
    if (configFile === undefined && !existsSync(path)) return undefined;
    const config = parseDockerConfig(await readSecretFile(path, 'configFile of credentials', host), host);
    const helper = config.credHelpers[host] ?? (isDockerHub(host) ? config.credHelpers[dockerHubKey] : undefined);
    const name = typeof helper === 'string' ? helper : config.credsStore;
    const found = name === undefined ? undefined : await askHelper({ name, server: serverOf(host), host, env, signal });
    return found ?? findEntry(config, host);
  },
});

/** @throws OciError `REGISTRY_UNAUTHORIZED` where it is no JSON object; what is not understood in it is left out */
export function parseDockerConfig(text: string, host: string): DockerConfig {
  let parsed: unknown;
  try {
    parsed = JSON.parse(text);
  } catch {
    parsed = undefined; // The cause would quote the file.
  }
  if (!isTable(parsed)) throw misconfigured(host, 'configFile of credentials in registries.yaml is no JSON object: log in again');
  const { auths, credsStore, credHelpers } = parsed;
  return {
    auths: isTable(auths) ? (auths as Table<Entry>) : {},
    credsStore: typeof credsStore === 'string' && credsStore !== '' ? credsStore : undefined,
    credHelpers: isTable(credHelpers) ? credHelpers : {},
  };
}

/** By the names that docker has used for a host over the years. */
export function findEntry({ auths }: DockerConfig, host: string): Credentials | undefined {
  const names = [host, ...['', '/', '/v1/', '/v2/', '/v1', '/v2'].map((path) => `https://${host}${path}`), `http://${host}`];
  const entry = [...(isDockerHub(host) ? [dockerHubKey, 'docker.io'] : []), ...names].map((name) => auths[name]).find(isTable);
  if (!entry) return undefined;
  const { auth, username, password, identitytoken, registrytoken } = entry as Entry;
  if (isText(registrytoken)) return { kind: 'access-token', token: registrytoken };
  if (isText(identitytoken)) return { kind: 'identity-token', token: identitytoken };
  if (isText(username) && isText(password)) return { kind: 'password', username, password };
  return isText(auth) ? parseAuth(auth, host) : undefined; // Without: a helper had it once.
}

/** `user:password` in base64; some old clients left NULs at its end. */
function parseAuth(auth: string, host: string): Credentials {
  const text = Buffer.from(auth, 'base64').toString('utf8').replace(/\0+$/, '');
  const colon = text.indexOf(':');
  if (colon <= 0) throw misconfigured(host, `configFile of credentials in registries.yaml has an unreadable auth of ${host}: log in again`);
  return { kind: 'password', username: text.slice(0, colon), password: text.slice(colon + 1) };
}

const isTable = (value: unknown): value is Table<unknown> => typeof value === 'object' && value !== null && !Array.isArray(value);
const isText = (value: unknown): value is string => typeof value === 'string' && value !== '';
