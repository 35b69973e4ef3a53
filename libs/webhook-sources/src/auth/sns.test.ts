import assert from 'node:assert/strict';
import { X509Certificate } from 'node:crypto';
import { describe, it } from 'node:test';
import { requestOf, told, vectors } from './auth.fixture.ts';
import type { SnsScheme } from './scheme.ts';
import { findSnsUrl, readSnsMessage, verifySnsMessage } from './sns.ts';

type Body = Readonly<Record<string, string>>;
type Vector = {
  readonly name: string;
  readonly valid: boolean;
  readonly cryptoOk: boolean;
  readonly stringToSign: string;
  readonly body: Body;
};
const { vectors: all } = JSON.parse(vectors('sns.json').toString()) as { readonly vectors: readonly Vector[] };
const { publicKey } = new X509Certificate(vectors('sns-certificate.pem'));
const topic = 'arn:aws:sns:us-west-2:123456789012:MyTopic';
const scheme: SnsScheme = { scheme: 'sns', topicArns: [topic], signatureVersions: ['1', '2'], certificateTrust: 'chain' };
const read = (body: Body, over: Partial<SnsScheme> = {}, type: string | readonly string[] = body['Type'] ?? '') =>
  readSnsMessage({ ...scheme, ...over }, requestOf({ headers: { 'x-amz-sns-message-type': type }, body: JSON.stringify(body) }));
const ask = (...args: Parameters<typeof read>): string => {
  const message = read(...args);
  return told('ok' in message ? message : verifySnsMessage(message, publicKey));
};
const good = all.find(({ name }) => name === 'notification-v2')!.body;

const wanted: Readonly<Record<string, string>> = {
  'tampered-message': 'wrong',
  'version-downgraded': 'wrong',
  'cert-on-foreign-host': 'malformed',
  'cert-over-http': 'malformed',
  'subscribe-url-foreign-host': `by ${topic}`, // Signed: that we may not follow it is findSnsUrl's to say.
};
describe('messages as SNS signs them', () => {
  for (const { name, body, stringToSign } of all)
    it(name, () => {
      assert.equal(ask(body), wanted[name] ?? `by ${topic}`);
      const message = read(body);
      if (!('ok' in message)) assert.equal(message.signed.toString(), stringToSign);
    });
});

describe('before any certificate is fetched', () => {
  it('another topic is forbidden, also one of which the name is a part', () => {
    for (const TopicArn of [`${topic}2`, topic.slice(0, -1), topic.replace('MyTopic', 'Other')])
      assert.equal(ask({ ...good, TopicArn }), 'forbidden');
    assert.equal(ask(good, { topicArns: [`${topic}2`] }), 'forbidden');
  });
  it('the header must say what the body says', () => {
    assert.equal(ask(good, {}, 'SubscriptionConfirmation'), 'malformed');
    assert.equal(ask(good, {}, [good['Type']!, good['Type']!]), 'malformed');
    assert.equal(ask({ ...good, Type: 'toString' }), 'malformed');
  });
  it('a version that the endpoint does not take is refused', () => {
    const v1 = all.find(({ name }) => name === 'notification-v1')!.body;
    assert.equal(ask(v1, { signatureVersions: ['2'] }), 'malformed');
    for (const SignatureVersion of ['3', '', '02']) assert.equal(ask({ ...good, SignatureVersion }), 'malformed');
  });
  it('what is not signed at all is not a message: raw deliveries, other JSON, garbage', () => {
    assert.equal(ask({ Message: 'x' }), 'missing');
    for (const body of ['', '[]', 'x', '{"Type":1}'])
      assert.equal(told(readSnsMessage(scheme, requestOf({ body })) as { ok: false; reason: 'missing' }), 'missing');
  });
  it('what lacks a signed field, or has a signature that is no base64, is malformed', () => {
    for (const name of ['Message', 'MessageId', 'Timestamp']) {
      const { [name]: _left, ...body } = good;
      assert.equal(ask(body), 'malformed', name);
    }
    assert.equal(ask({ ...good, Signature: `${good['Signature']}!` }), 'malformed');
  });
});

describe('an address of SNS', () => {
  const isOurs = (text: string, arn = topic): boolean => findSnsUrl(text, arn) !== undefined;
  it('is on the host of the topic’s region', () => {
    assert.ok(isOurs('https://sns.us-west-2.amazonaws.com/x.pem'));
    assert.ok(isOurs('https://sns.cn-north-1.amazonaws.com.cn/x.pem', 'arn:aws-cn:sns:cn-north-1:123456789012:t'));
    assert.ok(isOurs('https://sns.us-gov-west-1.amazonaws.com/x.pem', 'arn:aws-us-gov:sns:us-gov-west-1:123456789012:t'));
  });
  it('is on no other, however alike', () => {
    for (const text of [
      'https://sns.us-east-1.amazonaws.com/x.pem',
      'https://sns.us-west-2.amazonaws.com.example.com/x.pem',
      'https://sns.us-west-2.amazonaws.com.cn/x.pem',
      'https://sns.us-west-2.amazonaws.com:8443/x.pem',
      'https://user@sns.us-west-2.amazonaws.com/x.pem',
      'https://example.com/sns.us-west-2.amazonaws.com/x.pem',
      'https://example.com#sns.us-west-2.amazonaws.com',
      'http://sns.us-west-2.amazonaws.com/x.pem',
      'file:///etc/passwd',
      'sns.us-west-2.amazonaws.com/x.pem',
      `https://sns.us-west-2.amazonaws.com/${'x'.repeat(2_048)}.pem`,
      '',
    ])
      assert.ok(!isOurs(text), text);
    assert.ok(!isOurs('https://sns.us-west-2.amazonaws.com/x.pem', 'arn:aws:s3:us-west-2:123456789012:t'));
  });
});
