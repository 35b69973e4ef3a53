import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import fc from 'fast-check';
import { nowMs, requestOf, secret, told } from './auth.fixture.ts';
import { hmacSignature } from './hmac.ts';
import type { HmacScheme, SecretScheme } from './scheme.ts';
import { standardWebhookHeaders } from './standard-webhooks.ts';
import { prove } from './prove.ts';
import { verify, type LocalScheme } from './verify.ts';

const body = Buffer.from('{"tag":"größe"}\r\n');
const sha256: HmacScheme = { scheme: 'hmac-sha256', header: 'x-sig', prefix: 'sha256=', over: 'body' };
const sha1: HmacScheme = { scheme: 'hmac-sha1', header: 'x-sig', prefix: '', over: 'body' };
const basic = (text: string): string => `Basic ${Buffer.from(text).toString('base64')}`;
type Send = (key: string) => Parameters<typeof requestOf>[0];

const rightOnes: readonly (readonly [LocalScheme, Send, ...keys: readonly [string, string]])[] = [
  [
    { scheme: 'header', header: 'x-registry-key' },
    (key) => ({ headers: { 'X-Registry-Key': key } }),
    'a-secret-of-20-lett-01',
    'a-secret-of-20-lett-02',
  ],
  [{ scheme: 'bearer' }, (key) => ({ headers: { Authorization: `bearer ${key}` } }), 'a-secret-of-20-lett-01', 'a-secret-of-20-lett-02'],
  [{ scheme: 'basic' }, (key) => ({ headers: { authorization: basic(key) } }), 'user:a-secret-of-20-01', 'user:a-secret-of-20-02'],
  [{ scheme: 'url-path' }, (key) => ({ url: `/v1/webhooks/a/${key}` }), 'a-secret-of-20-lett-01', 'a-secret-of-20-lett-02'],
  [
    { scheme: 'url-query', parameter: 'key' },
    (key) => ({ url: `/v1/webhooks/a?x=1&key=${key}` }),
    'a-secret-of-20-lett-01',
    'a-secret-of-20-lett-02',
  ],
  [
    sha256,
    (key) => ({ headers: { 'X-Sig': hmacSignature(sha256, key, requestOf({ body })) }, body }),
    'a-secret-of-20-lett-01',
    'a-secret-of-20-lett-02',
  ],
  [
    sha1,
    (key) => ({ headers: { 'x-sig': hmacSignature(sha1, key, requestOf({ body })) }, body }),
    'a-secret-of-20-lett-01',
    'a-secret-of-20-lett-02',
  ],
  [
    { scheme: 'standard-webhooks' },
    (key) => ({ headers: standardWebhookHeaders(key, 'id-1', String(nowMs / 1_000), body), body }),
    `whsec_${Buffer.alloc(24, 1).toString('base64')}`,
    `whsec_${Buffer.alloc(32, 2).toString('base64')}`,
  ],
];

for (const [scheme, send, older, newer] of rightOnes) {
  const both = [secret(older, { id: 'older' }), secret(newer, { id: 'newer' })];
  const ask = (sent: ReturnType<Send>, secrets = both): string => told(verify(scheme, secrets, requestOf(sent), nowMs));

  describe(`by ${scheme.scheme}`, () => {
    it('each of the secrets opens, and it is told which one', () => {
      assert.equal(ask(send(older)), 'by older');
      assert.equal(ask(send(newer)), 'by newer');
    });
    it('what our own sender proves is let in', () => {
      const { headers, urlEnd } = prove(scheme as SecretScheme, older, { id: 'id-1', contentType: 'application/json', body, nowMs });
      assert.equal(ask({ headers, url: `/v1/webhooks/a${urlEnd}`, body }), 'by older');
    });
    it('a secret opens up to its end and not from then on', () => {
      const until = (notAfterMs: number) => [secret(older, { id: 'older', notAfterMs }), secret(newer)];
      assert.equal(ask(send(older), until(nowMs + 1)), 'by older');
      assert.equal(ask(send(older), until(nowMs)), 'expired');
    });
    it('another secret, none, and a request without a proof do not open', () => {
      assert.equal(ask(send(newer), [both[0]!]), 'wrong');
      assert.equal(ask(send(newer), []), 'wrong');
      assert.equal(ask({ body }), 'missing');
    });
    it('an empty secret opens nothing, whatever is sent', () => {
      const open = [secret('', { id: 'empty' })];
      for (const sent of [
        {},
        { headers: { authorization: '', 'x-sig': '', 'x-registry-key': '' } },
        { headers: { authorization: 'Basic ' } },
        ...(scheme.scheme === 'standard-webhooks' ? [] : [send('')]),
      ])
        assert.notEqual(ask(sent, open), 'by empty');
    });
    it('a proof that comes twice is none, even twice the same', () => {
      const { headers = {}, url, ...rest } = send(older);
      for (const name of Object.keys(headers))
        assert.equal(ask({ ...rest, headers: { ...headers, [name]: [headers[name] as string, headers[name] as string] } }), 'malformed');
      if (scheme.scheme === 'url-query') assert.equal(ask({ url: `${url}&key=${older}` }), 'malformed');
    });
  });
}

describe('what is presented', () => {
  it('counts whole: longer, shorter and other case are wrong', () => {
    const key = 'a-secret-of-20-lett-01';
    for (const text of [key.slice(0, -1), `${key}x`, key.toUpperCase(), `x${key}`])
      assert.equal(
        told(verify({ scheme: 'bearer' }, [secret(key)], requestOf({ headers: { authorization: `Bearer ${text}` } }), nowMs)),
        'wrong',
      );
  });
  it('as Basic must be the base64 that stands for its bytes, and for no others', () => {
    const ask = (authorization: string): string =>
      told(verify({ scheme: 'basic' }, [secret('user:password-of-20')], requestOf({ headers: { authorization } }), nowMs));
    assert.equal(ask(basic('user:password-of-20')), 'by 20');
    assert.equal(ask(basic('user:password-of-20').replace(/=+$/, '')), 'by 20');
    assert.equal(ask(`${basic('user:password-of-20')}!`), 'malformed');
    assert.equal(ask('Basic dXNlcjpwYXNzd29yZC1vZi0yMG=='.replace('MG', 'MH')), 'malformed');
    assert.equal(ask('Bearer user:password-of-20'), 'malformed');
  });
  it('by a scheme that is not the endpoint’s is nothing: the request does not choose', () => {
    const key = 'a-secret-of-20-lett-01';
    const offered = { headers: { authorization: `Bearer ${key}`, 'x-sig': hmacSignature(sha1, key, requestOf({ body })) }, body };
    assert.equal(told(verify(sha256, [secret(key)], requestOf(offered), nowMs)), 'malformed');
    assert.equal(told(verify({ scheme: 'header', header: 'x-jfrog-event-auth' }, [secret(key)], requestOf(offered), nowMs)), 'missing');
  });
  it('by nobody is enough only where that is written down', () =>
    assert.equal(told(verify({ scheme: 'none' }, [], requestOf({}), nowMs)), 'by none'));
});

it('whatever is sent, nothing throws and nothing opens', () =>
  fc.assert(
    fc.property(fc.constantFrom(...rightOnes), fc.string({ unit: 'binary' }), fc.webPath(), ([scheme, , older], text, path) => {
      const names = ['authorization', 'x-sig', 'x-registry-key', 'webhook-id', 'webhook-timestamp', 'webhook-signature'];
      const headers = Object.fromEntries(names.map((name) => [name, text]));
      const verdict = verify(scheme, [secret(older)], requestOf({ headers, url: `/${text}${path}`, body: text }), nowMs);
      assert.ok(!verdict.ok);
    }),
  ));
