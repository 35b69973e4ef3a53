import { createHash, createHmac } from 'node:crypto';

export type AwsKeys = { readonly accessKeyId: string; readonly secretAccessKey: string; readonly sessionToken?: string | undefined };
export type AwsRequest = {
  readonly method: string;
  readonly url: URL;
  /** Those that are signed beside `host` and `x-amz-date`; names in lower case. */
  readonly headers: Readonly<Record<string, string>>;
  readonly body: string;
};
export type AwsScope = { readonly region: string; readonly service: string; readonly atMs: number };

const sha256 = (text: string): string => createHash('sha256').update(text).digest('hex');
const hmac = (key: string | Buffer, text: string): Buffer => createHmac('sha256', key).update(text).digest();

/**
 * The headers to send a request with, so that AWS knows whose it is ("Signature Version 4").
 * Source: AWS IAM User Guide, "Create a signed AWS API request".
 */
export function signAws(request: AwsRequest, keys: AwsKeys, { region, service, atMs }: AwsScope): Readonly<Record<string, string>> {
  const time = new Date(atMs).toISOString().replace(/[-:]|\.\d{3}/g, '');
  const headers: Record<string, string> = { ...request.headers, 'x-amz-date': time };
  if (keys.sessionToken !== undefined) headers['x-amz-security-token'] = keys.sessionToken;
  const signed = Object.entries({ ...headers, host: request.url.host }).sort(([a], [b]) => compare(a, b));
  const names = signed.map(([name]) => name).join(';');
  const lines = signed.map(([name, value]) => `${name}:${value.trim().replace(/ +/g, ' ')}\n`).join('');
  const canonical = [request.method, request.url.pathname, canonicalQuery(request.url), lines, names, sha256(request.body)].join('\n');
  const scope = `${time.slice(0, 8)}/${region}/${service}/aws4_request`;
  const key = [time.slice(0, 8), region, service, 'aws4_request'].reduce<string | Buffer>(hmac, `AWS4${keys.secretAccessKey}`);
  const signature = hmac(key, `AWS4-HMAC-SHA256\n${time}\n${scope}\n${sha256(canonical)}`).toString('hex');
  const authorization = `AWS4-HMAC-SHA256 Credential=${keys.accessKeyId}/${scope}, SignedHeaders=${names}, Signature=${signature}`;
  return { ...headers, authorization };
}

function canonicalQuery({ searchParams }: URL): string {
  const encode = (text: string): string =>
    encodeURIComponent(text).replace(/[!'()*]/g, (c) => `%${c.charCodeAt(0).toString(16).toUpperCase()}`);
  return [...searchParams]
    .map(([name, value]) => `${encode(name)}=${encode(value)}`)
    .sort(compare)
    .join('&');
}

const compare = (a: string, b: string): number => (a < b ? -1 : Number(a > b));
