import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { nowMs, requestOf, secret, told, vectors } from './auth.fixture.ts';
import { findStandardWebhookKey, standardWebhookHeaders, verifyStandardWebhook } from './standard-webhooks.ts';

type Vector = { readonly secret: string; readonly headers?: Readonly<Record<string, string>>; readonly body: string };
const { vectors: all } = JSON.parse(vectors('hmac.json').toString()) as { readonly vectors: readonly Vector[] };
const { secret: key, headers, body } = all.find((vector) => vector.headers !== undefined)! as Required<Vector>;
const other = `whsec_${Buffer.alloc(32, 7).toString('base64')}`;
const atSeconds = Number(headers['webhook-timestamp']);
type Sent = Readonly<Record<string, string | readonly string[]>>;
const ask = (sent: Sent, keys = [other, key], seconds = atSeconds, text = body): string =>
  told(
    verifyStandardWebhook(
      keys.map((value) => secret(value, { id: value === key ? 'key' : 'other' })),
      requestOf({ headers: sent, body: text }),
      seconds * 1_000,
    ),
  );

describe('a Standard Webhook', () => {
  it('of the published kind opens', () => assert.equal(ask(headers), 'by key'));
  it('is in time for five minutes, by either clock', () => {
    for (const seconds of [-300, 300]) assert.equal(ask(headers, [key], atSeconds + seconds), 'by key');
    for (const seconds of [-301, 301]) assert.equal(ask(headers, [key], atSeconds + seconds), 'expired');
  });
  it('opens by any of its signatures', () => {
    const foreign = `v1,${Buffer.alloc(32).toString('base64')}`;
    assert.equal(ask({ ...headers, 'webhook-signature': `${foreign} ${headers['webhook-signature']}` }), 'by key');
    assert.equal(ask({ ...headers, 'webhook-signature': foreign }), 'wrong');
  });
  it('is not opened by signatures of another version, or by more than a sender could have', () => {
    const digest = headers['webhook-signature']!.slice('v1,'.length);
    assert.equal(ask({ ...headers, 'webhook-signature': `v1a,${digest}` }), 'malformed');
    const foreign = `v1,${Buffer.alloc(32).toString('base64')} `.repeat(16);
    assert.equal(ask({ ...headers, 'webhook-signature': `${foreign}${headers['webhook-signature']}` }), 'wrong');
  });
  it('is signed with its id and its time: neither may change, or be missing', () => {
    assert.equal(ask({ ...headers, 'webhook-id': 'another' }), 'wrong');
    assert.equal(ask({ ...headers, 'webhook-timestamp': String(atSeconds + 1) }), 'wrong');
    assert.equal(ask(headers, [key], atSeconds, `${body} `), 'wrong');
    for (const name of Object.keys(headers)) assert.equal(ask({ ...headers, [name]: '' }), 'missing');
  });
  it('has one id, one time and one header of signatures, and a time that is one', () => {
    for (const name of Object.keys(headers)) assert.equal(ask({ ...headers, [name]: [headers[name]!, headers[name]!] }), 'malformed');
    for (const time of ['1e9', '-1', ' 1700000000', '1700000000.5', '9'.repeat(13)])
      assert.equal(ask({ ...headers, 'webhook-timestamp': time }), 'malformed');
  });
  it('has a signature in base64 with nothing behind it', () => {
    for (const tail of ['=', '!', 'AAAA'])
      assert.equal(ask({ ...headers, 'webhook-signature': `${headers['webhook-signature']}${tail}` }), 'malformed');
  });
  it('is made by our own sender as it is by others', () =>
    assert.deepEqual(standardWebhookHeaders(key, headers['webhook-id']!, headers['webhook-timestamp']!, Buffer.from(body)), headers));
});

it('a secret is whsec_ and base64 of 24 bytes or more', () => {
  assert.equal(findStandardWebhookKey(key)?.length, 32);
  for (const text of ['', 'whsec_', 'whsec_AAAA', key.slice('whsec_'.length), `${key}!`, `${key}=`])
    assert.equal(findStandardWebhookKey(text), undefined);
  assert.equal(ask(standardWebhookHeaders(key, 'id', String(nowMs / 1_000), Buffer.from(body)), ['whsec_'], nowMs / 1_000), 'wrong');
});
