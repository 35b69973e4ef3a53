import type { Environment } from './adapters/adapter.ts';
import type { RegistryAccess, Scratch } from './scratch.ts';

/** What every program needs to run and to reach a network. */
const always = ['PATH', 'HOME', 'XDG_CACHE_HOME', 'SSL_CERT_FILE', 'SSL_CERT_DIR'];
const proxies = ['HTTP_PROXY', 'HTTPS_PROXY', 'NO_PROXY', 'http_proxy', 'https_proxy', 'no_proxy'];

/** The environment of a scanner: a few variables of the app's own, and the scratch directory for all that it writes. */
export function scannerEnv(env: Environment, passed: readonly string[], scratch: Scratch): Record<string, string> {
  const names = [...always, ...proxies, ...passed.filter((name) => !name.endsWith('_'))];
  const prefixes = passed.filter((name) => name.endsWith('_'));
  const chosen: Record<string, string> = {};
  for (const [name, value] of Object.entries(env)) {
    if (value !== undefined && (names.includes(name) || prefixes.some((prefix) => name.startsWith(prefix)))) chosen[name] = value;
  }
  return { ...chosen, LANG: 'C.UTF-8', TMPDIR: scratch.directory, DOCKER_CONFIG: scratch.directory };
}

/** Values that must not come back in an error: what a scanner was given, or could have been. */
export function secretsIn(env: Environment, access: RegistryAccess | undefined): readonly string[] {
  const named = Object.entries(env).filter(([name]) => /token|secret|password|passwd|credential|api_?key/i.test(name));
  const basic = access?.username === undefined ? '' : Buffer.from(`${access.username}:${access.password ?? ''}`).toString('base64');
  const values = [...named.map(([, value]) => value ?? ''), access?.password ?? '', basic];
  return values.filter((value) => value.length >= 4).toSorted((a, b) => b.length - a.length); // Longest first: one may hold another.
}
