import type { Environment } from './adapters/adapter.ts';
import { markName, type RegistryAccess, type Scratch } from './scratch.ts';

/** What every program needs to run and to reach a network. */
const always = ['PATH', 'HOME', 'XDG_CACHE_HOME', 'SSL_CERT_FILE', 'SSL_CERT_DIR'];
const proxies = ['HTTP_PROXY', 'HTTPS_PROXY', 'NO_PROXY', 'http_proxy', 'https_proxy', 'no_proxy'];

/**
 * Credentials that a tool sends to whichever registry it reads, because no registry's name belongs to them. Ours go by file, each with
 * its registry. Sources: Trivy's docs, "Private registries" (warning); anchore/grype#1637.
 */
const indiscriminate = /^(SYFT|GRYPE)_REGISTRY_AUTH_|^TRIVY_(USERNAME|PASSWORD|REGISTRY_TOKEN)$/;

/** Variables passed on, by name or prefix (ending in `_`): those that the adapter knows, and those that the operator asks for. */
export type Passed = { readonly adapter: readonly string[]; readonly operator: readonly string[] };

/** The environment of a scanner: a few variables of the app's own, and the scratch directory for all that it writes. */
export function scannerEnv(env: Environment, passed: Passed, scratch: Scratch): Record<string, string> {
  const isAsked = (asked: readonly string[], name: string): boolean =>
    asked.some((word) => (word.endsWith('_') ? name.startsWith(word) : name === word));
  const isPassed = (name: string): boolean =>
    isAsked([...always, ...proxies, ...passed.operator], name) || (isAsked(passed.adapter, name) && !indiscriminate.test(name));
  const chosen = Object.entries(env).filter((entry): entry is [string, string] => entry[1] !== undefined && isPassed(entry[0]));
  const ours = { LANG: 'C.UTF-8', TMPDIR: scratch.directory, DOCKER_CONFIG: scratch.directory, [markName]: scratch.directory };
  return { ...Object.fromEntries(chosen), ...ours };
}

/** Values that must not come back in an error: what a scanner was given, or could have been. */
export function secretsIn(env: Environment, access: RegistryAccess | undefined): readonly string[] {
  const named = Object.entries(env).filter(([name]) => /token|secret|password|passwd|credential|api_?key/i.test(name));
  const basic = access?.username === undefined ? '' : Buffer.from(`${access.username}:${access.password ?? ''}`).toString('base64');
  const values = [...named.map(([, value]) => value ?? ''), access?.password ?? '', basic];
  return values.filter((value) => value.length >= 4).toSorted((a, b) => b.length - a.length); // Longest first: one may hold another.
}
