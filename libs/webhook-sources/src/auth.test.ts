import assert from 'node:assert/strict';
import { createHmac } from 'node:crypto';
import { describe, it } from 'node:test';
import fc from 'fast-check';
import { verify, type AuthScheme } from './index.ts';

const secret = 'correct-horse-battery';
const older = 'staple-of-last-month';
const body = Buffer.from('{"events":[]}');
type Sent = { readonly headers?: Record<string, string>; readonly url?: string; readonly body?: Buffer };
const opens = (scheme: AuthScheme, sent: Sent, secrets: readonly string[] = [secret, older]): boolean =>
  verify(scheme, secrets, { headers: {}, url: '/', body, ...sent });
const authorization = (value: string): Sent => ({ headers: { authorization: value } });
const hmac = (key: string, bytes: Buffer = body): string => createHmac('sha256', key).update(bytes).digest('hex');
const signed: AuthScheme = { scheme: 'hmac-sha256', header: 'x-hub-signature-256', prefix: 'sha256=' };

const rightOnes: readonly (readonly [AuthScheme, (key: string) => Sent])[] = [
  [{ scheme: 'header', header: 'authorization' }, (key) => authorization(key)],
  [{ scheme: 'header', header: 'x-registry-key' }, (key) => ({ headers: { 'x-registry-key': key } })],
  [{ scheme: 'bearer' }, (key) => authorization(`Bearer ${key}`)],
  [{ scheme: 'basic' }, (key) => authorization(`Basic ${Buffer.from(key).toString('base64')}`)],
  [signed, (key) => ({ headers: { 'x-hub-signature-256': `sha256=${hmac(key)}` } })],
  [{ scheme: 'hmac-sha256', header: 'x-sig', prefix: '' }, (key) => ({ headers: { 'x-sig': hmac(key).toUpperCase() } })],
  [{ scheme: 'url-path' }, (key) => ({ url: `/v1/webhooks/dockerhub/${key}` })],
  [{ scheme: 'url-query', parameter: 'key' }, (key) => ({ url: `/v1/webhooks/dockerhub?key=${key}` })],
];

describe('a secret', () => {
  for (const [scheme, send] of rightOnes) {
    it(`opens by ${scheme.scheme}, also the one before it, and no other`, () => {
      assert.ok(opens(scheme, send(secret)));
      assert.ok(opens(scheme, send(older)));
      for (const wrong of ['', 'x', secret.slice(0, -1), `${secret}x`, secret.toUpperCase()]) assert.ok(!opens(scheme, send(wrong)), wrong);
      assert.ok(!opens(scheme, {}));
    });
    it(`by ${scheme.scheme} that is not configured, or is empty, opens nothing`, () => {
      assert.ok(!opens(scheme, send(secret), []));
      for (const sent of [send(''), {}, { headers: { authorization: '' } }]) assert.ok(!opens(scheme, sent, ['']));
    });
  }
});

describe('a signature', () => {
  it('agrees with the published vector', () => {
    const vector = {
      headers: { 'x-hub-signature-256': 'sha256=757107ea0eb2509fc211221cce984b8a37570b6d7586c22c46f4379c8b043e17' },
      body: Buffer.from('Hello, World!'),
    };
    assert.ok(opens(signed, vector, ["It's a Secret to Everybody"])); // docs.github.com, "Validating webhook deliveries".
  });
  it('is over the bytes: one byte more and it is void', () =>
    assert.ok(
      !opens(signed, { headers: { 'x-hub-signature-256': `sha256=${hmac(secret)}` }, body: Buffer.concat([body, Buffer.from(' ')]) }),
    ));
  it('without its prefix, with another, cut off, or empty is none', () => {
    for (const value of [hmac(secret), `sha512=${hmac(secret)}`, `sha256=${hmac(secret).slice(0, 62)}`, 'sha256=', ''])
      assert.ok(!opens(signed, { headers: { 'x-hub-signature-256': value } }));
  });
});

it('whatever is presented, nothing throws and nothing opens', () =>
  fc.assert(
    fc.property(fc.constantFrom(...rightOnes), fc.string({ unit: 'binary' }), ([scheme], text) => {
      assert.ok(!opens(scheme, { headers: { authorization: text, 'x-sig': text, 'x-registry-key': text }, url: `/${text}` }));
    }),
  ));
