import { readFile } from 'node:fs/promises';
import type { Environment } from '@waybill/config';
import type { Dispatcher } from 'undici';
import { misconfigured, reasonOf, type CredentialSource } from './credentials.ts';
import { askJson, tokenIn, type EndpointRequest } from './endpoint.ts';
import { readSecretFile } from './secret-file.ts';

export type AcrOptions = {
  readonly tenantId?: string | undefined;
  readonly clientId?: string | undefined;
  /** Without: a workload identity where the environment has one, else the machine's managed identity. */
  readonly clientSecretFile?: string | undefined;
  readonly env: Environment;
  readonly nowMs: () => number;
  /** Root of the registry's API, and the connections to it. */
  readonly origin: string;
  readonly dispatcher: Dispatcher;
};
type Asking = { readonly host: string; readonly signal: AbortSignal };

/** What an Entra token must be made out to so that ACR takes it. */
const resource = 'https://containerregistry.azure.net';
/** It says no end, and is good for three hours. */
const keptMs = 3_600_000;
const formType = { 'content-type': 'application/x-www-form-urlencoded' };

/**
 * Identity tokens for Azure Container Registry: an Entra token, exchanged at the registry's `/oauth2/exchange`. What the registry's realm,
 * `/oauth2/token`, makes of it is the business of all identity tokens. Names in the environment are those of Azure's own clients:
 * `AZURE_TENANT_ID`, `AZURE_CLIENT_ID`, `AZURE_FEDERATED_TOKEN_FILE` (workload identity, as on AKS), `AZURE_AUTHORITY_HOST`,
 * `AZURE_POD_IDENTITY_AUTHORITY_HOST`.
 * Source: Azure, "AAD-OAuth" of the ACR project; Microsoft identity platform, "OAuth 2.0 client credentials flow" and "How to use managed
 * identities".
 */
export const acrSource = (options: AcrOptions): CredentialSource => ({
  async find(host, signal) {
    const { origin, dispatcher, env, nowMs } = options;
    const entraToken = await findEntraToken({ host, signal }, options);
    const tenant = options.tenantId ?? env['AZURE_TENANT_ID'];
    const form = { grant_type: 'access_token', service: host, ...(tenant === undefined ? {} : { tenant }), access_token: entraToken };
    const asked: EndpointRequest = {
      ...{ host, url: `${origin}/oauth2/exchange`, method: 'POST', headers: formType, dispatcher, signal },
      body: new URLSearchParams(form).toString(),
      name: `${host} (exchange)`,
      advice: 'give the identity AcrPull or AcrPush on the registry',
    };
    const answer = await askJson(asked);
    return { kind: 'identity-token', token: tokenIn(answer, 'refresh_token', asked), expiresAtMs: nowMs() + keptMs };
  },
});

async function findEntraToken(asking: Asking, options: AcrOptions): Promise<string> {
  const { env, clientSecretFile } = options;
  const federatedFile = env['AZURE_FEDERATED_TOKEN_FILE'];
  const { host } = asking;
  if (clientSecretFile !== undefined) {
    const secret = await readSecretFile(clientSecretFile, 'clientSecretFile of credentials', host);
    return askEntra(asking, options, { client_secret: secret });
  }
  if (federatedFile === undefined) return askMachine(asking, options);
  const assertion = await readFile(federatedFile, 'utf8').catch((error: unknown) => {
    throw misconfigured(host, `AZURE_FEDERATED_TOKEN_FILE cannot be read (${reasonOf(error)})`);
  });
  const type = 'urn:ietf:params:oauth:client-assertion-type:jwt-bearer';
  return askEntra(asking, options, { client_assertion_type: type, client_assertion: assertion.trim() });
}

async function askEntra({ host, signal }: Asking, options: AcrOptions, proof: Readonly<Record<string, string>>): Promise<string> {
  const { env, tenantId = env['AZURE_TENANT_ID'], clientId = env['AZURE_CLIENT_ID'] } = options;
  if (tenantId === undefined || clientId === undefined)
    throw misconfigured(host, `tenantId and clientId of the credentials for ${host} are missing: set them in registries.yaml`);
  const authority = (env['AZURE_AUTHORITY_HOST'] ?? 'https://login.microsoftonline.com').replace(/\/+$/, '');
  const form = { grant_type: 'client_credentials', client_id: clientId, scope: `${resource}/.default`, ...proof };
  const asked: EndpointRequest = {
    ...{ host, method: 'POST', headers: formType, name: 'Microsoft Entra ID', signal },
    url: `${authority}/${encodeURIComponent(tenantId)}/oauth2/v2.0/token`,
    body: new URLSearchParams(form).toString(),
    advice: 'check tenantId, clientId and its secret or federated credential',
  };
  return tokenIn(await askJson(asked), 'access_token', asked);
}

async function askMachine({ host, signal }: Asking, { env, clientId = env['AZURE_CLIENT_ID'] }: AcrOptions): Promise<string> {
  const query = { 'api-version': '2018-02-01', resource, ...(clientId === undefined ? {} : { client_id: clientId }) };
  const authority = (env['AZURE_POD_IDENTITY_AUTHORITY_HOST'] ?? 'http://169.254.169.254').replace(/\/+$/, '');
  const asked: EndpointRequest = {
    ...{ host, method: 'GET', headers: { metadata: 'true' }, name: "Azure's metadata service", signal },
    url: `${authority}/metadata/identity/oauth2/token?${new URLSearchParams(query).toString()}`,
    advice: 'give this machine a managed identity, or set clientSecretFile',
  };
  return tokenIn(await askJson(asked), 'access_token', asked);
}
