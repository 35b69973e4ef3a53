import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { nowMs, requestOf, secret, told, vectors } from './auth.fixture.ts';
import { hmacSignature, verifyHmac } from './hmac.ts';
import type { HmacScheme } from './scheme.ts';

type Vector = { readonly name: string; readonly alg: string; readonly secret: string; readonly message?: string; readonly hex: string };
const key = 'a-secret-of-20-letters';
const body = '{"tag":"größe-日本"}';
const signed: HmacScheme = { scheme: 'hmac-sha256', header: 'x-hub-signature-256', prefix: 'sha256=', over: 'body' };
const sign = (bytes: Buffer | string, headers: Record<string, string> = {}, scheme = signed): string =>
  hmacSignature(scheme, key, requestOf({ body: bytes, headers }));
const ask = (
  value: string | readonly string[],
  bytes: Buffer | string = body,
  scheme = signed,
  headers: Record<string, string> = {},
): string =>
  told(
    verifyHmac(scheme, [secret(key, { id: 'key' })], requestOf({ headers: { ...headers, [scheme.header]: value }, body: bytes }), nowMs),
  );

describe('published vectors', () => {
  const { vectors: all } = JSON.parse(vectors('hmac.json').toString()) as { readonly vectors: readonly Vector[] };
  for (const { name, alg, secret: value, message, hex } of all.filter(({ message: text }) => text !== undefined)) {
    it(name, () => {
      const scheme: HmacScheme = { scheme: alg === 'HMAC-SHA1' ? 'hmac-sha1' : 'hmac-sha256', header: 'x-sig', prefix: '', over: 'body' };
      const request = requestOf({ headers: { 'x-sig': hex }, body: message! });
      assert.equal(told(verifyHmac(scheme, [secret(value, { id: name })], request, nowMs)), `by ${name}`);
    });
  }
});

describe('a signature', () => {
  it('is over the bytes: none may change, come or go', () => {
    const bytes = Buffer.from(body);
    const flipped = Buffer.from(bytes);
    flipped[3]! ^= 1;
    assert.equal(ask(sign(bytes), bytes), 'by key');
    for (const other of [flipped, `${body}\n`, `\ufeff${body}`, body.replace('"', '\r\n"'), body.slice(0, -1), ''])
      assert.equal(ask(sign(bytes), other), 'wrong');
  });
  it('of a body with BOM or CRLF, of an empty and of a large one is right too', () => {
    for (const bytes of [`\ufeff${body}`, `${body}\r\n`, '', 'x'.repeat(1_000_000)]) assert.equal(ask(sign(bytes), bytes), 'by key');
  });
  it('may have digits in upper case', () => assert.equal(ask(`sha256=${sign(body).slice('sha256='.length).toUpperCase()}`), 'by key'));
  it('that is empty, or a prefix alone, is missing: so does Gitea send it for a hook without a secret', () => {
    assert.equal(ask(''), 'missing');
    assert.equal(ask('sha256='), 'missing');
  });
  it('of 63 or 65 digits, with another prefix or none, with something behind, or that is no hex, is none', () => {
    const digits = sign(body).slice('sha256='.length);
    const sha1 = sign(body, {}, { ...signed, scheme: 'hmac-sha1', prefix: 'sha1=' });
    const zs = 'z'.repeat(64);
    for (const value of [digits, sha1, ...['sha512=', 'SHA256=', 'sha256= '].map((prefix) => prefix + digits)])
      assert.equal(ask(value), 'malformed', value);
    for (const text of [digits.slice(1), `${digits}0`, `${digits} `, `${digits.slice(2)}zz`, zs])
      assert.equal(ask(`sha256=${text}`), 'malformed', text);
  });
  it('that comes twice is none', () => assert.equal(ask([sign(body), sign(body)]), 'malformed'));
  it('where one is wanted, the secret itself does not open', () =>
    assert.equal(ask(key, body, { ...signed, header: 'x-jfrog-event-auth', prefix: '' }), 'malformed'));
});

describe('a form', () => {
  const form = new URLSearchParams({ payload: body }).toString();
  const type = { 'content-type': 'application/x-www-form-urlencoded' };
  const inner: HmacScheme = { ...signed, over: 'form-payload' };
  it('is signed as it is by GitHub', () => assert.equal(ask(sign(form), form, signed, type), 'by key'));
  it('is signed in its field payload by Gitea, whose JSON is signed as it is', () => {
    assert.equal(ask(sign(body), form, inner, type), 'by key');
    assert.equal(ask(sign(body), body, inner), 'by key');
    assert.equal(ask(sign(form), form, inner, type), 'wrong');
  });
  it('without the field is signed by nobody', () => assert.equal(ask(sign(body), 'other=1', inner, type), 'wrong'));
});
