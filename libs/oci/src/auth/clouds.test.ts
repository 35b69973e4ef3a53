import assert from 'node:assert/strict';
import { createPublicKey, verify } from 'node:crypto';
import { describe, it } from 'node:test';
import { inspect } from 'node:util';
import { Agent } from 'undici';
import { OciError } from '../host/errors.ts';
import { acrSource } from './acr.ts';
import { signAws } from './aws-signature.ts';
import { rsaKey, secretsFolder, startCloud } from './cloud.fixture.ts';
import type { CredentialSource } from './credentials.ts';
import { ecrSource } from './ecr.ts';
import { garSource } from './gar.ts';

const signal = AbortSignal.timeout(30_000);
const startMs = Date.UTC(2026, 10, 21, 12);
const nowMs = (): number => startMs;

/** How a source fails; that it quotes no secret is part of it. */
async function failureOf(source: CredentialSource, host: string, ...secrets: readonly string[]): Promise<OciError> {
  const error: unknown = await source.find(host, signal).then(
    (found) => assert.fail(inspect(found)),
    (reason: unknown) => reason,
  );
  assert.ok(error instanceof OciError, String(error));
  const text = inspect(error, { depth: 10, showHidden: true }) + JSON.stringify(error);
  for (const secret of secrets) assert.ok(!text.includes(secret), text);
  return error;
}

describe('credentials for ECR', () => {
  const host = '123456789012.dkr.ecr.eu-central-1.amazonaws.com';
  const keys = { AWS_ACCESS_KEY_ID: 'AKIDEXAMPLE', AWS_SECRET_ACCESS_KEY: 'aws-secret' };
  const token = Buffer.from('AWS:password-of-twelve-hours').toString('base64');
  const answer = { authorizationData: [{ authorizationToken: token, expiresAt: startMs / 1_000 + 43_200 }] };
  const expected = { kind: 'password', username: 'AWS', password: 'password-of-twelve-hours', expiresAtMs: startMs + 43_200_000 };

  it('come from GetAuthorizationToken, signed with the keys of the environment for the region of the host', async (test) => {
    const cloud = await startCloud(test, { '/': () => answer });
    const env = { ...keys, AWS_SESSION_TOKEN: 'session', AWS_ENDPOINT_URL_ECR: cloud.url };
    assert.deepEqual(await ecrSource({ env, nowMs }).find(host, signal), expected);
    const [call] = cloud.calls;
    assert.deepEqual([call?.method, call?.body], ['POST', '{}']);
    assert.equal(call?.headers['x-amz-target'], 'AmazonEC2ContainerRegistry_V20150921.GetAuthorizationToken');
    const { 'content-type': type = '', 'x-amz-target': target = '' } = call?.headers as Record<string, string>;
    const signed = signAws(
      { method: 'POST', url: new URL(cloud.url), headers: { 'content-type': type, 'x-amz-target': target }, body: '{}' },
      { accessKeyId: 'AKIDEXAMPLE', secretAccessKey: 'aws-secret', sessionToken: 'session' },
      { region: 'eu-central-1', service: 'ecr', atMs: startMs },
    );
    assert.equal(call?.headers.authorization, signed['authorization']);
    assert.ok(!JSON.stringify(call).includes('aws-secret'));
  });

  it('come with a web identity, which STS takes for keys', async (test) => {
    const tokenFile = secretsFolder(test).write('token', 'web-identity\n');
    const keysOf = '<AccessKeyId>ASIA</AccessKeyId><SecretAccessKey>s/+=</SecretAccessKey><SessionToken>t==</SessionToken>';
    const sts = `<R><Credentials>${keysOf}</Credentials></R>`;
    const cloud = await startCloud(test, { '/sts': () => sts, '/ecr': () => answer });
    const role = { AWS_ROLE_ARN: 'arn:aws:iam::1:role/waybill', AWS_WEB_IDENTITY_TOKEN_FILE: tokenFile };
    const env = { ...role, AWS_ENDPOINT_URL_STS: `${cloud.url}/sts`, AWS_ENDPOINT_URL_ECR: `${cloud.url}/ecr` };
    assert.deepEqual(await ecrSource({ env, nowMs }).find(host, signal), expected);
    const [assumed, asked] = cloud.calls;
    assert.deepEqual(assumed?.form, {
      ...{ Action: 'AssumeRoleWithWebIdentity', Version: '2011-06-15', RoleArn: role.AWS_ROLE_ARN },
      ...{ WebIdentityToken: 'web-identity', RoleSessionName: 'waybill' },
    });
    assert.equal(assumed?.headers.authorization, undefined);
    assert.match(asked?.headers.authorization ?? '', /Credential=ASIA\/20261121\/eu-central-1\/ecr\//);
    assert.equal(asked?.headers['x-amz-security-token'], 't==');
  });

  it('fail for good when AWS says no or nothing says who we are, and for now when it is in trouble', async (test) => {
    const cloud = await startCloud(test, {
      '/no': () => 400,
      '/down': () => 503,
      '/slow': () => 429,
      '/odd': () => ({}),
      '/page': () => '<html>',
    });
    const at = (path: string) => ecrSource({ env: { ...keys, AWS_ENDPOINT_URL_ECR: `${cloud.url}${path}` }, nowMs });
    const codeOf = async (source: CredentialSource, name = host) => (await failureOf(source, name, 'aws-secret')).code;
    assert.equal(await codeOf(at('/no')), 'REGISTRY_UNAUTHORIZED');
    for (const path of ['/down', '/slow', '/odd', '/page']) assert.equal(await codeOf(at(path)), 'CREDENTIALS_UNAVAILABLE', path);
    assert.equal(await codeOf(ecrSource({ env: {}, nowMs })), 'REGISTRY_UNAUTHORIZED');
    assert.match((await failureOf(ecrSource({ env: keys, nowMs }), 'proxy.example')).message, /set region of its credentials/);
    const nobody = ecrSource({ env: { ...keys, AWS_ENDPOINT_URL_ECR: 'http://127.0.0.1:1' }, nowMs });
    assert.equal(await codeOf(nobody), 'CREDENTIALS_UNAVAILABLE');
  });

  it('are asked for over TLS, or on this machine', async () => {
    const source = ecrSource({ env: { ...keys, AWS_ENDPOINT_URL_ECR: 'http://ecr.example' }, nowMs });
    assert.match((await failureOf(source, host)).message, /is no https URL/);
  });
});

describe('credentials for Google Artifact Registry', () => {
  const host = 'europe-docker.pkg.dev';
  const token = { access_token: 'google-token', expires_in: 1_800, token_type: 'Bearer' };
  const expected = { kind: 'password', username: 'oauth2accesstoken', password: 'google-token', expiresAtMs: startMs + 1_800_000 };

  it('come from the metadata server of the machine', async (test) => {
    const path = '/computeMetadata/v1/instance/service-accounts/default/token';
    const cloud = await startCloud(test, { [path]: ({ headers }) => (headers['metadata-flavor'] === 'Google' ? token : 403) });
    assert.deepEqual(await garSource({ env: { GCE_METADATA_HOST: cloud.host }, nowMs }).find(host, signal), expected);
  });

  it('come for the key of a service account, which signs and never leaves', async (test) => {
    const cloud = await startCloud(test, { '/token': () => token });
    const pem = rsaKey();
    const account = { client_email: 'waybill@project.iam.gserviceaccount.com', private_key: pem, token_uri: `${cloud.url}/token` };
    const keyFile = secretsFolder(test).write('key.json', JSON.stringify(account));
    assert.deepEqual(await garSource({ keyFile, env: {}, nowMs }).find(host, signal), expected);
    const { grant_type: grantType, assertion = '' } = cloud.calls[0]?.form ?? {};
    assert.equal(grantType, 'urn:ietf:params:oauth:grant-type:jwt-bearer');
    const [header = '', claims = '', signature = ''] = assertion.split('.');
    assert.ok(verify('RSA-SHA256', Buffer.from(`${header}.${claims}`), createPublicKey(pem), Buffer.from(signature, 'base64url')));
    assert.deepEqual(JSON.parse(Buffer.from(claims, 'base64url').toString()), {
      ...{ iss: account.client_email, scope: 'https://www.googleapis.com/auth/cloud-platform', aud: account.token_uri },
      ...{ iat: startMs / 1_000, exp: startMs / 1_000 + 600 },
    });
  });

  it('fail typed, without a word of the key or of an answer', async (test) => {
    const { write } = secretsFolder(test);
    const garbage = await failureOf(
      garSource({ keyFile: write('bad.json', '{"private_key":"hunter2"}'), env: {}, nowMs }),
      host,
      'hunter2',
    );
    assert.deepEqual([garbage.code, garbage.retry], ['REGISTRY_UNAUTHORIZED', false]);
    const missing = await failureOf(garSource({ keyFile: write('x', '') + 'y', env: {}, nowMs }), host);
    assert.match(missing.message, /keyFile of credentials in registries\.yaml cannot be read \(ENOENT\)/);
    const cloud = await startCloud(test, {
      '/computeMetadata/v1/instance/service-accounts/default/token': () => ({ access_token: 'hunter2\n' }),
    });
    const odd = await failureOf(garSource({ env: { GCE_METADATA_HOST: cloud.host }, nowMs }), host, 'hunter2');
    assert.equal(odd.code, 'CREDENTIALS_UNAVAILABLE');
  });
});

describe('credentials for Azure Container Registry', () => {
  const host = 'team.azurecr.io';
  const exchange = { refresh_token: 'acr-refresh' };
  const entra = { access_token: 'entra-token', expires_in: 3_599 };
  const expected = { kind: 'identity-token', token: 'acr-refresh', expiresAtMs: startMs + 3_600_000 };
  const dispatcher = new Agent();

  it('come for the secret of an application, exchanged at the registry', async (test) => {
    const cloud = await startCloud(test, { '/tenant-1/oauth2/v2.0/token': () => entra, '/oauth2/exchange': () => exchange });
    const clientSecretFile = secretsFolder(test).write('secret', 'azure-secret\n');
    const env = { AZURE_AUTHORITY_HOST: `${cloud.url}/` };
    const source = acrSource({ tenantId: 'tenant-1', clientId: 'client-1', clientSecretFile, env, nowMs, origin: cloud.url, dispatcher });
    assert.deepEqual(await source.find(host, signal), expected);
    assert.deepEqual(cloud.calls[0]?.form, {
      ...{ grant_type: 'client_credentials', client_id: 'client-1', scope: 'https://containerregistry.azure.net/.default' },
      client_secret: 'azure-secret',
    });
    assert.deepEqual(cloud.calls[1]?.form, { grant_type: 'access_token', service: host, tenant: 'tenant-1', access_token: 'entra-token' });
  });

  it('come for a workload identity', async (test) => {
    const cloud = await startCloud(test, { '/t/oauth2/v2.0/token': () => entra, '/oauth2/exchange': () => exchange });
    const file = secretsFolder(test).write('federated', 'federated-token\n');
    const env = { AZURE_AUTHORITY_HOST: cloud.url, AZURE_TENANT_ID: 't', AZURE_CLIENT_ID: 'c', AZURE_FEDERATED_TOKEN_FILE: file };
    assert.deepEqual(await acrSource({ env, nowMs, origin: cloud.url, dispatcher }).find(host, signal), expected);
    assert.equal(cloud.calls[0]?.form['client_assertion'], 'federated-token');
  });

  it("come for the machine's managed identity", async (test) => {
    const metadata = ({ headers }: { readonly headers: Readonly<Record<string, unknown>> }) =>
      headers['metadata'] === 'true' ? entra : 400;
    const cloud = await startCloud(test, { '/metadata/identity/oauth2/token': metadata, '/oauth2/exchange': () => exchange });
    const env = { AZURE_POD_IDENTITY_AUTHORITY_HOST: cloud.url };
    assert.deepEqual(await acrSource({ env, nowMs, origin: cloud.url, dispatcher }).find(host, signal), expected);
    assert.match(cloud.calls[0]?.path ?? '', /resource=https%3A%2F%2Fcontainerregistry\.azure\.net/);
  });

  it('fail typed where the exchange is refused, and name what is missing', async (test) => {
    const cloud = await startCloud(test, { '/metadata/identity/oauth2/token': () => entra, '/oauth2/exchange': () => 401 });
    const env = { AZURE_POD_IDENTITY_AUTHORITY_HOST: cloud.url };
    const refused = await failureOf(acrSource({ env, nowMs, origin: cloud.url, dispatcher }), host, 'entra-token');
    assert.match(refused.message, /AcrPull or AcrPush/);
    assert.equal(refused.code, 'REGISTRY_UNAUTHORIZED');
    const clientSecretFile = secretsFolder(test).write('secret', 'azure-secret');
    const half = await failureOf(acrSource({ clientSecretFile, env: {}, nowMs, origin: cloud.url, dispatcher }), host, 'azure-secret');
    assert.match(half.message, /tenantId and clientId/);
  });
});
