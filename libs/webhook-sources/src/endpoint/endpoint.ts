import { isRegistryHost, isRepositoryName } from '@waybill/domain';
import type { AuthScheme } from '../auth/scheme.ts';
import type { Secret } from '../auth/secret.ts';
import { findStandardWebhookKey } from '../auth/standard-webhooks.ts';
import { settingsOf, type SourceSettings } from '../parsed.ts';
import type { SourceKind } from '../sources/all.ts';
import type { AuthEntry, SecretFile, SourceEntry } from './sources-file.ts';

/** An endpoint of the gateway: who may send to it, and how to read what is sent. */
export type Endpoint = {
  readonly name: string;
  readonly kind: SourceKind;
  readonly settings: SourceSettings;
  readonly auth: AuthScheme;
  /** Empty for schemes without secrets of ours. */
  readonly secrets: readonly Secret[];
  /** Null for no limit of its own. */
  readonly rate: { readonly perSecond: number; readonly burst: number } | null;
};

/** What is wrong with an entry, and at which of its keys. Never holds a secret. */
export type EntryFault = { readonly path: readonly (string | number)[]; readonly message: string };

/** The endpoint without its secrets, which are files. */
export const endpointOf = ({ name, kind, auth, rate, ...more }: SourceEntry): Omit<Endpoint, 'secrets'> => ({
  name,
  kind,
  settings: settingsOf(name, {
    ...definedOf(more),
    ...(more.allowedOrigins === undefined ? {} : { allowedOrigins: more.allowedOrigins.map((origin) => origin.toLowerCase()) }),
  }),
  auth: schemeOf(auth),
  rate: rate ?? null,
});

/** Faults that the schema cannot see. */
export function entryFaults({ registryHost, allowedHosts = [], allowedRepositories = [], auth }: SourceEntry): readonly EntryFault[] {
  const faults: EntryFault[] = [];
  const host = 'must be a host[:port] in lower case, without a scheme';
  if (registryHost !== undefined && !isRegistryHost(registryHost)) faults.push({ path: ['registryHost'], message: host });
  for (const [index, each] of allowedHosts.entries())
    if (!isRegistryHost(each)) faults.push({ path: ['allowedHosts', index], message: host });
  for (const [index, each] of allowedRepositories.entries())
    if (!isRepositoryName(each.toLowerCase()))
      faults.push({ path: ['allowedRepositories', index], message: 'must be a repository, such as team or team/app' });
  if (auth.scheme === 'oidc' && auth.emails === undefined && Object.keys(auth.claims ?? {}).length === 0)
    faults.push({ path: ['auth'], message: 'needs emails or claims: any account of the provider can get a token for the audience' });
  if ('secretFiles' in auth) {
    const ids = secretFilesOf(auth).map(({ id }) => id);
    for (const [index, id] of ids.entries())
      if (ids.indexOf(id) < index)
        faults.push({ path: ['auth', 'secretFiles', index], message: `the id ${id} is there twice; give it another` });
  }
  return faults;
}

function schemeOf(auth: AuthEntry): AuthScheme {
  switch (auth.scheme) {
    case 'header':
      return { scheme: auth.scheme, header: auth.header.toLowerCase() };
    case 'hmac-sha256':
    case 'hmac-sha1':
      return { scheme: auth.scheme, header: auth.header.toLowerCase(), prefix: auth.prefix, over: auth.over };
    case 'url-query':
      return { scheme: auth.scheme, parameter: auth.parameter };
    case 'oidc': {
      const { scheme, issuers, audience, jwksUrl, algorithm, emails = null, claims = {} } = auth;
      return { scheme, issuers, audience, jwksUrl, algorithm, emails, claims };
    }
    case 'sns': {
      const { scheme, topicArns, signatureVersions, certificateTrust } = auth;
      return { scheme, topicArns, signatureVersions, certificateTrust };
    }
    case 'mtls':
      return { scheme: auth.scheme, names: auth.names };
    case 'bearer':
    case 'basic':
    case 'standard-webhooks':
    case 'url-path':
    case 'none':
      return { scheme: auth.scheme };
  }
}

/** The files of an entry, in its order; none for schemes that have none. */
export function secretFilesOf(auth: AuthEntry): readonly SecretFile[] {
  if (!('secretFiles' in auth)) return [];
  return auth.secretFiles.map((given) => {
    const { file, id = baseName(file), notAfter } = typeof given === 'string' ? { file: given } : given;
    return { file, id, notAfterMs: notAfter === undefined ? null : Date.parse(notAfter) };
  });
}

const baseName = (path: string): string => path.slice(path.lastIndexOf('/') + 1);

/** Shorter ones can be guessed, longer ones do not fit a path. */
const secretLengthMin = 16;
const secretLengthMax = 200;

/** Why a text cannot be a secret of the scheme; undefined for one that can. Does not say the text. */
export function findSecretFault({ scheme }: AuthScheme, text: string): string | undefined {
  if (text.length < secretLengthMin || text.length > secretLengthMax)
    return `must have ${secretLengthMin} to ${secretLengthMax} characters`;
  if ((scheme === 'url-path' || scheme === 'url-query') && !/^[A-Za-z0-9_-]+$/.test(text))
    return 'goes into a URL: use letters, digits, - and _ only';
  if (scheme === 'hmac-sha256' || scheme === 'hmac-sha1') return /\p{Cc}/u.test(text) ? 'must be one line' : undefined; // It is not sent.
  // Other characters cannot be sent in a header, so such a secret would shut its sender out.
  if (!/^[\x21-\x7e]+(?: [\x21-\x7e]+)*$/.test(text)) return 'must be one line of ASCII';
  if (scheme === 'basic' && !/^[^:]+:./.test(text)) return 'must be user:password';
  if (scheme === 'bearer' && text.includes(' ')) return 'must have no blank: it is one word after Bearer';
  if (scheme === 'standard-webhooks' && findStandardWebhookKey(text) === undefined)
    return 'must be whsec_ and base64 of 24 bytes or more, as the sender shows it';
  return undefined;
}

type Defined<T> = { readonly [K in keyof T]: Exclude<T[K], undefined> };
const definedOf = <T extends object>(value: T): Partial<Defined<T>> =>
  Object.fromEntries(Object.entries(value).filter(([, each]) => each !== undefined)) as Partial<Defined<T>>;
