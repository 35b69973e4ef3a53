import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { ConfigError, loadYaml, type Environment } from '@waybill/app-kit';
import { isRegistryHost } from '@waybill/domain';
import { sourceKinds, type AuthScheme, type SourceKind } from '@waybill/webhook-sources';
import { Type, type Static } from 'typebox';

/** An endpoint of the gateway: who may send to it, and how to read what is sent. */
export type Source = {
  readonly name: string;
  readonly kind: SourceKind;
  readonly registryHost: string | null;
  readonly auth: AuthScheme;
  /** All are valid at once. Never to be logged. */
  readonly secrets: readonly string[];
};
export type Sources = ReadonlyMap<string, Source>;

const Auth = Type.Object({
  scheme: Type.Enum(['header', 'bearer', 'basic', 'hmac-sha256', 'url-path', 'url-query']),
  header: Type.Optional(Type.String({ pattern: '^[A-Za-z0-9-]+$', description: 'For header and hmac-sha256.' })),
  prefix: Type.Optional(Type.String({ description: 'For hmac-sha256: what stands before the digits.' })),
  parameter: Type.Optional(Type.String({ pattern: '^[A-Za-z0-9_-]+$', description: 'For url-query.' })),
  secretFiles: Type.Array(Type.String({ minLength: 1 }), { minItems: 1, maxItems: 8 }),
});

/** `config/sources.yaml` */
export const SourcesFile = Type.Object({
  sources: Type.Array(
    Type.Object({
      name: Type.String({ pattern: '^[a-z0-9][a-z0-9-]{0,62}$' }),
      kind: Type.Enum([...sourceKinds]),
      registryHost: Type.Optional(Type.String({ minLength: 1 })),
      auth: Auth,
    }),
    { minItems: 1, maxItems: 1_000 },
  ),
});
type SourceEntry = Static<typeof SourcesFile>['sources'][number];

/** Shorter ones can be guessed, longer ones do not fit a path. */
const secretLengthMin = 16;
const secretLengthMax = 200;

/**
 * Reads `sources.yaml` and the secret files that it names. Secrets are read once: a new one takes effect at the next start.
 * @throws ConfigError with all faults at once, without any secret
 */
export function loadSources(configDir: string, env: Environment): Sources {
  const path = join(configDir, 'sources.yaml');
  const faults: string[] = [];
  const sources = new Map<string, Source>();
  for (const entry of loadYaml(path, SourcesFile, env).sources) {
    const fault = (what: string): void => void faults.push(`  ${path} ${entry.name}: ${what}`);
    if (sources.has(entry.name)) fault('the name is there twice');
    const registryHost = entry.registryHost ?? null;
    if (registryHost !== null && !isRegistryHost(registryHost)) fault('registryHost must be a lower-case host[:port] without a scheme');
    const auth = toScheme(entry.auth, fault);
    const inUrl = auth.scheme === 'url-path' || auth.scheme === 'url-query';
    const secrets = entry.auth.secretFiles.flatMap((file) => readSecret(file, inUrl, fault) ?? []);
    sources.set(entry.name, { name: entry.name, kind: entry.kind, registryHost, auth, secrets });
  }
  if (faults.length > 0) throw new ConfigError(`sources are not as they must be:\n${faults.join('\n')}`);
  return sources;
}

function toScheme(auth: SourceEntry['auth'], fault: (what: string) => void): AuthScheme {
  const { scheme, header, prefix, parameter } = auth;
  const wanted = {
    header: ['header'],
    'hmac-sha256': ['header', 'prefix'],
    'url-query': ['parameter'],
    bearer: [],
    basic: [],
    'url-path': [],
  };
  for (const [name, value] of Object.entries({ header, prefix, parameter }))
    if (value !== undefined && !(wanted[scheme] as readonly string[]).includes(name)) fault(`auth.${name} means nothing to ${scheme}`);
  switch (scheme) {
    case 'header':
    case 'hmac-sha256':
      if (header === undefined) fault(`auth.header is needed by ${scheme}`);
      return scheme === 'header'
        ? { scheme, header: (header ?? '').toLowerCase() }
        : { scheme, header: (header ?? '').toLowerCase(), prefix: prefix ?? '' };
    case 'url-query':
      if (parameter === undefined) fault('auth.parameter is needed by url-query');
      return { scheme, parameter: parameter ?? '' };
    case 'bearer':
    case 'basic':
    case 'url-path':
      return { scheme };
  }
}

function readSecret(file: string, inUrl: boolean, fault: (what: string) => void): string | undefined {
  let secret: string;
  try {
    secret = readFileSync(file, 'utf8').replace(/\r?\n$/, '');
  } catch {
    return void fault(`the secret file ${file} cannot be read; create it, or take the source out`);
  }
  if (secret.length < secretLengthMin || secret.length > secretLengthMax)
    return void fault(`the secret in ${file} must have ${secretLengthMin} to ${secretLengthMax} characters`);
  if (inUrl && !/^[A-Za-z0-9_-]+$/.test(secret))
    return void fault(`the secret in ${file} goes into a URL: use letters, digits, - and _ only`);
  // Other characters cannot be sent in a header, so such a secret would shut its sender out.
  if (!/^[\x21-\x7e]+(?: [\x21-\x7e]+)*$/.test(secret)) return void fault(`the secret in ${file} must be one line of ASCII`);
  return secret;
}
