import { createPrivateKey, sign, type KeyObject } from 'node:crypto';
import type { Environment } from '@waybill/config';
import { misconfigured, type CredentialSource } from './credentials.ts';
import { askJson, expiryIn, tokenIn, type EndpointRequest } from './endpoint.ts';
import { readSecretFile } from './secret-file.ts';

export type GarOptions = {
  /** JSON key of a service account; without, the machine's own identity is used. */
  readonly keyFile?: string | undefined;
  readonly env: Environment;
  readonly nowMs: () => number;
};

/** User name for which Google's registries take an OAuth2 access token as the password. */
const username = 'oauth2accesstoken';
const scope = 'https://www.googleapis.com/auth/cloud-platform';
const tokenUriDefault = 'https://oauth2.googleapis.com/token';
const jwtLifeSeconds = 600;

/**
 * Passwords for Google Artifact Registry, good for up to an hour: from the metadata server of the machine (GCE, GKE with workload identity;
 * `GCE_METADATA_HOST` names another), or by the key of a service account.
 * Source: Google Cloud, "Set up authentication for Docker"; "Using OAuth 2.0 for Server to Server Applications"; RFC 7523.
 */
export const garSource = ({ keyFile, env, nowMs }: GarOptions): CredentialSource => ({
  async find(host, signal) {
    const asked = keyFile === undefined ? metadataRequest(host, env, signal) : await keyRequest(host, keyFile, nowMs(), signal);
    const answer = await askJson(asked);
    return { kind: 'password', username, password: tokenIn(answer, 'access_token', asked), expiresAtMs: expiryIn(answer, nowMs()) };
  },
});

const metadataRequest = (host: string, env: Environment, signal: AbortSignal): EndpointRequest => ({
  ...{ host, method: 'GET', name: "Google's metadata server", signal },
  url: `http://${env['GCE_METADATA_HOST'] ?? 'metadata.google.internal'}/computeMetadata/v1/instance/service-accounts/default/token`,
  headers: { 'metadata-flavor': 'Google' },
  advice: 'give this machine a service account with roles/artifactregistry.reader or writer, or set keyFile',
});

async function keyRequest(host: string, keyFile: string, nowMs: number, signal: AbortSignal): Promise<EndpointRequest> {
  const account = parseAccount(await readSecretFile(keyFile, 'keyFile of credentials', host), host);
  const issuedAt = Math.floor(nowMs / 1_000);
  const claims = { iss: account.email, scope, aud: account.tokenUri, iat: issuedAt, exp: issuedAt + jwtLifeSeconds };
  const unsigned = [{ alg: 'RS256', typ: 'JWT' }, claims].map((part) => Buffer.from(JSON.stringify(part)).toString('base64url')).join('.');
  const assertion = `${unsigned}.${sign('RSA-SHA256', Buffer.from(unsigned), account.key).toString('base64url')}`;
  return {
    ...{ host, url: account.tokenUri, method: 'POST', name: 'Google OAuth2', signal },
    headers: { 'content-type': 'application/x-www-form-urlencoded' },
    body: new URLSearchParams({ grant_type: 'urn:ietf:params:oauth:grant-type:jwt-bearer', assertion }).toString(),
    advice: 'its key may be revoked, or the time of this machine wrong: make a new key of the service account',
  };
}

type Account = { readonly email: string; readonly key: KeyObject; readonly tokenUri: string };

function parseAccount(text: string, host: string): Account {
  try {
    const {
      client_email: email,
      private_key: pem,
      token_uri: tokenUri = tokenUriDefault,
    } = JSON.parse(text) as Readonly<Record<string, unknown>>;
    if (typeof email === 'string' && typeof pem === 'string' && typeof tokenUri === 'string')
      return { email, key: createPrivateKey(pem), tokenUri };
  } catch {
    // Told below; the cause would quote the key.
  }
  throw misconfigured(host, 'keyFile of credentials in registries.yaml is no JSON key of a service account: make a new one');
}
