import assert from 'node:assert/strict';
import { generateKeyPairSync, sign, type KeyObject } from 'node:crypto';
import { describe, it } from 'node:test';
import fc from 'fast-check';
import { requestOf, told, vectors } from './auth.fixture.ts';
import { parseKeySet, readToken, verifyToken } from './jwt.ts';
import type { OidcScheme } from './scheme.ts';

type Vectors = {
  readonly now: number;
  readonly audience: string;
  readonly email: string;
  readonly jwks: unknown;
  readonly vectors: readonly { readonly name: string; readonly valid: boolean; readonly token: string }[];
};
const { now, audience, email, jwks, vectors: all } = JSON.parse(vectors('oidc.json').toString()) as Vectors;
const google: OidcScheme = {
  scheme: 'oidc',
  issuers: ['https://accounts.google.com', 'accounts.google.com'],
  audience,
  jwksUrl: 'https://keys.example/certs',
  algorithm: 'RS256',
  emails: [email],
  claims: {},
};
const ask = (token: string, keys = parseKeySet(JSON.stringify(jwks), 'RS256'), scheme = google, seconds = now): string => {
  const read = readToken(scheme, requestOf({ headers: { authorization: `Bearer ${token}` } }));
  if ('ok' in read) return told(read);
  const key = keys.get(read.keyId);
  return key === undefined ? 'key unknown' : told(verifyToken(scheme, read, key, seconds * 1_000));
};

const wanted: Readonly<Record<string, string>> = {
  expired: 'expired',
  'wrong-email': 'forbidden',
  'email-not-verified': 'forbidden',
  'alg-none': 'malformed',
  'alg-hs256': 'malformed',
  'two-parts': 'malformed',
  'unknown-kid': 'key unknown',
};
describe('tokens as Google makes them', () => {
  for (const { name, valid, token } of all) it(name, () => assert.equal(ask(token), valid ? `by ${email}` : (wanted[name] ?? 'wrong')));
});

const pair = generateKeyPairSync('rsa', { modulusLength: 2_048 });
const encode = (value: unknown): string => Buffer.from(JSON.stringify(value)).toString('base64url');
function mint(claims: object, head: object = {}, key: KeyObject = pair.privateKey): string {
  const text = `${encode({ alg: 'RS256', kid: 'ours', ...head })}.${encode(claims)}`;
  return `${text}.${sign('sha256', Buffer.from(text), { key, dsaEncoding: 'ieee-p1363' }).toString('base64url')}`;
}
const setOf = (key: KeyObject, more: object = {}): string =>
  JSON.stringify({ keys: [{ ...key.export({ format: 'jwk' }), kid: 'ours', ...more }] });
const ours = parseKeySet(setOf(pair.publicKey), 'RS256');
const good = { iss: google.issuers[0], aud: audience, exp: now + 60, iat: now, email, email_verified: true };

describe('a token of our own', () => {
  it('opens, with its audience alone or in a list', () => {
    assert.equal(ask(mint(good), ours), `by ${email}`);
    assert.equal(ask(mint({ ...good, aud: ['other', audience] }), ours), `by ${email}`);
    assert.equal(ask(mint({ ...good, aud: `${audience}/` }), ours), 'wrong');
    assert.equal(ask(mint({ ...good, aud: undefined }), ours), 'wrong');
  });
  it('is in time up to a minute after its end, and from a minute before its start', () => {
    assert.equal(ask(mint({ ...good, exp: now - 59 }), ours), `by ${email}`);
    assert.equal(ask(mint({ ...good, exp: now - 60 }), ours), 'expired');
    for (const name of ['iat', 'nbf']) {
      assert.equal(ask(mint({ ...good, [name]: now + 60 }), ours), `by ${email}`);
      assert.equal(ask(mint({ ...good, [name]: now + 61 }), ours), 'expired');
    }
    for (const exp of [undefined, null, String(now + 60), { now }]) assert.equal(ask(mint({ ...good, exp }), ours), 'expired');
  });
  it('asks for no other algorithm than the endpoint’s, and for no extension', () => {
    for (const head of [{ alg: 'PS256' }, { alg: 'RS512' }, { alg: 'none' }, { alg: undefined }, { kid: undefined }, { crit: ['b64'] }])
      assert.equal(ask(mint(good, head), ours), 'malformed', JSON.stringify(head));
  });
  it('is one text: what base64 would overlook is no token', () => {
    const token = mint(good);
    for (const text of [
      `${token}=`,
      `${token}.`,
      `${token}.x`,
      token.replace('.', '..'),
      `${token}!`,
      token.slice(0, token.lastIndexOf('.') + 1),
    ])
      assert.equal(ask(text, ours), 'malformed');
  });
  it('is not let in without an account or a claim, whatever was forgotten in the settings', () => {
    assert.equal(ask(mint(good), ours, { ...google, emails: null }), 'forbidden');
    assert.equal(ask(mint({ ...good, email_verified: 'true' }), ours), 'forbidden');
  });
  it('opens by claims where these are wanted, one value or a list of roles', () => {
    const entra = { ...google, emails: null, claims: { appid: ['app-1', 'app-2'], roles: ['Sender'] } };
    assert.equal(ask(mint({ ...good, appid: 'app-2', roles: ['Reader', 'Sender'] }), ours, entra), 'by app-2');
    assert.equal(ask(mint({ ...good, appid: 'app-3', roles: ['Sender'] }), ours, entra), 'forbidden');
    assert.equal(ask(mint({ ...good, appid: 'app-1' }), ours, entra), 'forbidden');
  });
  it('by ES256 opens where the endpoint says so', () => {
    const curve = generateKeyPairSync('ec', { namedCurve: 'P-256' });
    const keys = parseKeySet(setOf(curve.publicKey), 'ES256');
    assert.equal(ask(mint(good, { alg: 'ES256' }, curve.privateKey), keys, { ...google, algorithm: 'ES256' }), `by ${email}`);
    assert.equal(ask(mint(good, { alg: 'ES256' }, curve.privateKey), keys), 'malformed');
  });
  it('comes once, in Authorization, as Bearer', () => {
    const read = (headers: Record<string, string | readonly string[]>): string => {
      const token = readToken(google, requestOf({ headers }));
      return 'ok' in token ? told(token) : 'read';
    };
    const token = mint(good);
    assert.equal(read({ Authorization: `bearer ${token}` }), 'read');
    assert.equal(read({}), 'missing');
    assert.equal(read({ authorization: [`Bearer ${token}`, `Bearer ${token}`] }), 'malformed');
    assert.equal(read({ authorization: token }), 'malformed');
    assert.equal(read({ authorization: `Bearer ${token}${'A'.repeat(8_192)}` }), 'malformed');
  });
});

describe('a set of keys', () => {
  it('gives those that sign by the algorithm', () => {
    assert.deepEqual([...parseKeySet(setOf(pair.publicKey, { alg: 'RS256', use: 'sig' }), 'RS256').keys()], ['ours']);
    for (const more of [{ use: 'enc' }, { alg: 'RS512' }, { kid: 7 }, { kty: 'oct', k: 'AAAA' }, { n: 'A' }])
      assert.equal(parseKeySet(setOf(pair.publicKey, more), 'RS256').size, 0, JSON.stringify(more));
    assert.equal(parseKeySet(setOf(pair.publicKey), 'ES256').size, 0);
  });
  it('leaves weak keys out', () =>
    assert.equal(parseKeySet(setOf(generateKeyPairSync('rsa', { modulusLength: 1_024 }).publicKey), 'RS256').size, 0));
  it('that is none throws, so that the one before it stays', () => {
    for (const text of ['', '{}', '[]', '{"keys":{}}', `{"keys":[${'{},'.repeat(100)}{}]}`])
      assert.throws(() => parseKeySet(text, 'RS256'));
  });
});

it('no text makes a token throw or open', () =>
  fc.assert(
    fc.property(
      fc.array(
        fc.oneof(
          fc.base64String(),
          fc.json().map((text) => Buffer.from(text).toString('base64url')),
        ),
        { maxLength: 4 },
      ),
      (parts) => {
        assert.doesNotMatch(ask(parts.join('.'), ours), /^by /);
      },
    ),
  ));
