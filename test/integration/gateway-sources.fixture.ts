import assert from 'node:assert/strict';
import { createHmac, generateKeyPairSync, randomBytes, sign } from 'node:crypto';
import { once } from 'node:events';
import { existsSync, globSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { join } from 'node:path';
import type { CanonicalPush, SourceKind } from '@waybill/webhook-sources';
import { parse } from 'yaml';

// What a sender of each kind is told by its page in docs/registries, done to the letter: so the pages are tested too.
const root = join(import.meta.dirname, '../..');

export type Auth = {
  readonly scheme: string;
  readonly header?: string;
  readonly prefix?: string;
  readonly parameter?: string;
  readonly audience?: string;
  readonly emails?: readonly string[];
  readonly secretFiles?: readonly string[];
};

/** The first configuration of a page: how it recommends to authenticate. */
export function authOfPage(kind: SourceKind): Auth {
  const page = readFileSync(join(root, `docs/registries/${kind}.md`), 'utf8');
  const block = /```yaml\n(- name: [^]*?)```/.exec(page)?.[1] ?? assert.fail(`docs/registries/${kind}.md has no entry for sources.yaml`);
  const [entry] = parse(block) as readonly { readonly kind: string; readonly auth: Auth }[];
  assert.equal(entry?.kind, kind, `the first entry of docs/registries/${kind}.md is of another kind`);
  return entry.auth;
}

export type Recording = {
  readonly path: string;
  readonly headers: Readonly<Record<string, string>>;
  readonly body: Buffer;
  readonly registryHost: string | undefined;
  readonly expected: readonly CanonicalPush[];
};

/** The first recording that says something; its headers without what proves its sender or belongs to its connection. */
export function recordingOf(kind: SourceKind): Recording {
  for (const path of globSync(join(root, `test/fixtures/webhooks/${kind}/*.json`)).sort()) {
    const { headers, body, rawBody, config, expected } = JSON.parse(readFileSync(path, 'utf8')) as {
      readonly headers: Record<string, string>;
      readonly body: unknown;
      readonly rawBody?: string;
      readonly config?: { readonly registryHost?: string };
      readonly expected: readonly CanonicalPush[];
    };
    if (expected.length === 0) continue;
    return {
      path,
      headers: Object.fromEntries(
        Object.entries(headers).filter(([name]) => /^(content-type|ce-.*|x-.*(event|delivery|id)|aeg-.*)$/i.test(name)),
      ),
      body: Buffer.from(rawBody ?? JSON.stringify(body)),
      registryHost: config?.registryHost,
      expected,
    };
  }
  return assert.fail(`no recording of ${kind} says anything`);
}

export type Provider = { readonly jwksUrl: string; readonly token: (auth: Auth) => string; close(): void };

/** An OpenID provider in the place of Google's: its keys over HTTP, and tokens as Pub/Sub sends them. */
export async function startProvider(): Promise<Provider> {
  const { publicKey, privateKey } = generateKeyPairSync('rsa', { modulusLength: 2048 });
  const keys = [{ ...publicKey.export({ format: 'jwk' }), kid: 'k1', use: 'sig', alg: 'RS256' }];
  const server = createServer((_request, response) => void response.end(JSON.stringify({ keys })));
  await once(server.listen(0, '127.0.0.1'), 'listening');
  const part = (value: object): string => Buffer.from(JSON.stringify(value)).toString('base64url');
  return {
    jwksUrl: `http://127.0.0.1:${(server.address() as AddressInfo).port}/certs`,
    token({ audience, emails }) {
      const nowSeconds = Math.floor(Date.now() / 1_000);
      const claims = { iss: 'https://accounts.google.com', aud: audience, email: emails?.[0], email_verified: true };
      const signed = `${part({ alg: 'RS256', kid: 'k1' })}.${part({ ...claims, iat: nowSeconds, exp: nowSeconds + 3_600 })}`;
      return `${signed}.${sign('sha256', Buffer.from(signed), privateKey).toString('base64url')}`;
    },
    close: () => void server.close(),
  };
}

/** Writes `sources.yaml` with an endpoint per kind, named like it, and the secrets that are not there yet. */
export function writeSources(configDir: string, secretsDir: string, kinds: readonly SourceKind[], { jwksUrl }: Provider): void {
  const entries = kinds.map((kind) => {
    const auth = authOfPage(kind);
    for (const file of auth.secretFiles ?? []) writeSecret(pathOf(file, secretsDir), auth);
    const { registryHost } = recordingOf(kind);
    return { name: kind, kind, ...(registryHost && { registryHost }), auth: auth.scheme === 'oidc' ? { ...auth, jwksUrl } : auth };
  });
  mkdirSync(configDir, { recursive: true });
  writeFileSync(join(configDir, 'sources.yaml'), JSON.stringify({ sources: entries })); // JSON is YAML.
}

const pathOf = (file: string, secretsDir: string): string => file.replace('${SECRETS_DIR}', secretsDir);

function writeSecret(path: string, { scheme }: Auth): void {
  if (existsSync(path)) return;
  const secret = randomBytes(24).toString('base64url');
  writeFileSync(path, scheme === 'basic' ? `waybill:${secret}` : secret, { mode: 0o600 });
}

export type Proof = { readonly headers: Readonly<Record<string, string>>; readonly path: string };

/** What a sender adds to a request so that it is believed; written apart from the code that checks it. */
export function proofOf(kind: SourceKind, body: Buffer, secretsDir: string, provider: Provider): Proof {
  const auth = authOfPage(kind);
  const { scheme, header = '', prefix = '', parameter } = auth;
  const secret = auth.secretFiles?.[0] === undefined ? '' : readFileSync(pathOf(auth.secretFiles[0], secretsDir), 'utf8').trim();
  switch (scheme) {
    case 'header':
      return { headers: { [header]: secret }, path: kind };
    case 'bearer':
      return { headers: { authorization: `Bearer ${secret}` }, path: kind };
    case 'basic':
      return { headers: { authorization: `Basic ${Buffer.from(secret).toString('base64')}` }, path: kind };
    case 'hmac-sha1':
    case 'hmac-sha256': {
      const digits = createHmac(scheme.slice('hmac-'.length), secret).update(body).digest('hex');
      return { headers: { [header]: `${prefix}${digits}` }, path: kind };
    }
    case 'url-path':
      return { headers: {}, path: `${kind}/${secret}` };
    case 'url-query':
      return { headers: {}, path: `${kind}?${parameter}=${secret}` };
    case 'oidc':
      return { headers: { authorization: `Bearer ${provider.token(auth)}` }, path: kind };
    default:
      return assert.fail(`docs/registries/${kind}.md recommends ${scheme}, which this test cannot do`);
  }
}
