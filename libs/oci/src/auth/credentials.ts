import { OciError } from '../host/errors.ts';

/** What proves to a registry, or to its token realm, who we are. None of it is ever logged or put into an error. */
export type Credentials = { readonly expiresAtMs?: number } & (
  | { readonly kind: 'password'; readonly username: string; readonly password: string }
  /** OAuth2 refresh token, which the realm takes for access tokens (docker calls it `identitytoken`). */
  | { readonly kind: 'identity-token'; readonly token: string }
  /** Goes to the registry as it is (docker calls it `registrytoken`). */
  | { readonly kind: 'access-token'; readonly token: string }
);

/** Where credentials come from: a file, a program, a cloud. */
export type CredentialSource = {
  /**
   * @param host `host[:port]` of the registry, as images name it
   * @returns undefined where there are none, and the registry is used anonymously
   * @throws OciError `REGISTRY_UNAUTHORIZED` for what has to be put right by an operator, `CREDENTIALS_UNAVAILABLE` for what may pass
   */
  readonly find: (host: string, signal: AbortSignal) => Promise<Credentials | undefined>;
};

export function basicHeader(credentials: Credentials | undefined): string | undefined {
  if (credentials?.kind !== 'password') return undefined;
  return `Basic ${Buffer.from(`${credentials.username}:${credentials.password}`).toString('base64')}`;
}

/** Set up wrongly: another try gets the same. */
export const misconfigured = (host: string, message: string): OciError =>
  new OciError('REGISTRY_UNAUTHORIZED', message, { host, repository: '' });

/** Down or too slow for now. */
export const unavailable = (host: string, message: string, retryAfterMs?: number): OciError =>
  new OciError('CREDENTIALS_UNAVAILABLE', message, { host, repository: '', ...(retryAfterMs === undefined ? {} : { retryAfterMs }) });

/** Code of an error of the file system; never its text, which may quote. */
export const reasonOf = (error: unknown): string => (error as NodeJS.ErrnoException).code ?? 'unreadable';
