import { readFile } from 'node:fs/promises';
import type { Environment } from '@waybill/config';
import { signAws, type AwsKeys } from './aws-signature.ts';
import { misconfigured, reasonOf, unavailable, type CredentialSource } from './credentials.ts';
import { askEndpoint, askJson } from './endpoint.ts';

export type EcrOptions = {
  /** Of the registry; found in its host where that is ECR's own. */
  readonly region?: string | undefined;
  readonly env: Environment;
  readonly nowMs: () => number;
};

const ownHost = /^\d{12}\.dkr[.-]ecr(?:-fips)?\.([a-z0-9-]+)\.(amazonaws\.com(?:\.cn)?|on\.aws)$/;

/**
 * Passwords for AWS ECR, good for twelve hours, by `GetAuthorizationToken`. Who we are to AWS is told by the environment, under AWS's own
 * names: keys (`AWS_ACCESS_KEY_ID`, `AWS_SECRET_ACCESS_KEY`, `AWS_SESSION_TOKEN`), else a web identity (`AWS_ROLE_ARN`,
 * `AWS_WEB_IDENTITY_TOKEN_FILE`, as on EKS). `AWS_ENDPOINT_URL_ECR` and `AWS_ENDPOINT_URL_STS` name endpoints of one's own network.
 * Source: Amazon ECR API Reference, "GetAuthorizationToken"; AWS STS API Reference, "AssumeRoleWithWebIdentity".
 */
export const ecrSource = (options: EcrOptions): CredentialSource => ({
  async find(host, signal) {
    const { env, nowMs } = options;
    const [, found, domain] = ownHost.exec(host) ?? [];
    const region = options.region ?? found ?? env['AWS_REGION'];
    if (region === undefined)
      throw misconfigured(host, `the region of ${host} is not known: set region of its credentials in registries.yaml`);
    const suffix = domain === 'amazonaws.com.cn' ? domain : 'amazonaws.com';
    const keys = await findKeys({ host, region, suffix, signal }, options);
    const url = new URL(env['AWS_ENDPOINT_URL_ECR'] ?? `https://api.ecr.${region}.${suffix}/`);
    const unsigned = {
      'content-type': 'application/x-amz-json-1.1',
      'x-amz-target': 'AmazonEC2ContainerRegistry_V20150921.GetAuthorizationToken',
    };
    const body = '{}';
    const headers = signAws({ method: 'POST', url, headers: unsigned, body }, keys, { region, service: 'ecr', atMs: nowMs() });
    const advice = 'its role or user needs ecr:GetAuthorizationToken, and this machine the right time';
    const answer = await askJson({ host, url: url.href, method: 'POST', headers, body, name: 'AWS ECR', advice, signal });
    return parseAnswer(answer, host);
  },
});

function parseAnswer(answer: Readonly<Record<string, unknown>>, host: string) {
  const data: unknown = (answer['authorizationData'] as readonly unknown[] | undefined)?.[0];
  const { authorizationToken, expiresAt } = Object(data) as Readonly<Record<string, unknown>>;
  const text = typeof authorizationToken === 'string' ? Buffer.from(authorizationToken, 'base64').toString('utf8') : '';
  const colon = text.indexOf(':');
  if (colon <= 0) throw unavailable(host, `AWS ECR answered without a password for ${host}`);
  const password = { kind: 'password', username: text.slice(0, colon), password: text.slice(colon + 1) } as const;
  return typeof expiresAt === 'number' ? { ...password, expiresAtMs: expiresAt * 1_000 } : password;
}

type Place = { readonly host: string; readonly region: string; readonly suffix: string; readonly signal: AbortSignal };

async function findKeys(place: Place, { env }: EcrOptions): Promise<AwsKeys> {
  const { AWS_ACCESS_KEY_ID: accessKeyId, AWS_SECRET_ACCESS_KEY: secretAccessKey, AWS_SESSION_TOKEN: sessionToken } = env;
  if (accessKeyId !== undefined && secretAccessKey !== undefined) return { accessKeyId, secretAccessKey, sessionToken };
  const { AWS_ROLE_ARN: role, AWS_WEB_IDENTITY_TOKEN_FILE: tokenFile } = env;
  if (role !== undefined && tokenFile !== undefined) return assumeRole(place, role, tokenFile, env);
  const names = 'AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY, or AWS_ROLE_ARN and AWS_WEB_IDENTITY_TOKEN_FILE';
  throw misconfigured(place.host, `nothing says who we are to AWS for ${place.host}: set ${names}`);
}

async function assumeRole({ host, region, suffix, signal }: Place, role: string, tokenFile: string, env: Environment): Promise<AwsKeys> {
  const token = await readFile(tokenFile, 'utf8').catch((error: unknown) => {
    throw misconfigured(host, `AWS_WEB_IDENTITY_TOKEN_FILE cannot be read (${reasonOf(error)})`);
  });
  const form = new URLSearchParams({
    ...{ Action: 'AssumeRoleWithWebIdentity', Version: '2011-06-15', RoleArn: role, WebIdentityToken: token.trim() },
    RoleSessionName: env['AWS_ROLE_SESSION_NAME'] ?? 'waybill',
  });
  const text = await askEndpoint({
    ...{ host, name: 'AWS STS', method: 'POST', signal },
    url: env['AWS_ENDPOINT_URL_STS'] ?? `https://sts.${region}.${suffix}/`,
    headers: { 'content-type': 'application/x-www-form-urlencoded' },
    body: form.toString(),
    advice: 'the trust policy of AWS_ROLE_ARN must allow this identity',
  });
  // The API of 2011 answers in XML; its keys are of base64's alphabet and need no parser.
  const element = (name: string): string => {
    const value = new RegExp(`<${name}>([A-Za-z0-9+/=_-]{1,8192})</${name}>`).exec(text)?.[1];
    if (value === undefined) throw unavailable(host, `AWS STS answered without ${name} for ${host}`);
    return value;
  };
  return { accessKeyId: element('AccessKeyId'), secretAccessKey: element('SecretAccessKey'), sessionToken: element('SessionToken') };
}
