import { verify as verifySignature, type KeyObject } from 'node:crypto';
import { field, parseJson } from '../json.ts';
import { findHeader, type AuthRequest } from './request.ts';
import type { SnsScheme } from './scheme.ts';
import { refused, type Refused, type Verdict } from './verdict.ts';

/** A message that is formed as it must be and of a topic that the endpoint takes; nothing is proved yet. */
export type SnsMessage = {
  readonly topicArn: string;
  readonly certificateUrl: URL;
  readonly signed: Buffer;
  readonly signature: Buffer;
  readonly signatureVersion: '1' | '2';
};

/** Keys in the order in which they are signed; each is followed by its value, both by a line feed. */
const signedKeys: Readonly<Record<string, readonly string[]>> = {
  Notification: ['Message', 'MessageId', 'Subject', 'Timestamp', 'TopicArn', 'Type'],
  SubscriptionConfirmation: ['Message', 'MessageId', 'SubscribeURL', 'Timestamp', 'Token', 'TopicArn', 'Type'],
  UnsubscribeConfirmation: ['Message', 'MessageId', 'SubscribeURL', 'Timestamp', 'Token', 'TopicArn', 'Type'],
};
const hashes = { '1': 'sha1', '2': 'sha256' } as const;

/** Everything that can be refused before a certificate is fetched is refused here: a stranger must not choose where we connect to. */
export function readSnsMessage(scheme: SnsScheme, request: AuthRequest): SnsMessage | Refused {
  const json = parseJson(request.body);
  const text = (name: string): string | undefined => {
    const value = field(json.ok ? json.value : undefined, name);
    return typeof value === 'string' ? value : undefined;
  };
  const [type, topicArn, version] = [text('Type'), text('TopicArn'), text('SignatureVersion')];
  const [signature, url] = [text('Signature'), text('SigningCertURL')];
  if (type === undefined || signature === undefined) return refused('missing'); // A raw delivery, which nobody signs, among others.
  const keys = Object.hasOwn(signedKeys, type) ? signedKeys[type]! : undefined;
  if (keys === undefined || findHeader(request, 'x-amz-sns-message-type') !== type) return refused('malformed');
  if (topicArn === undefined || !scheme.topicArns.includes(topicArn)) return refused('forbidden');
  if (!scheme.signatureVersions.includes(version as '1' | '2') || keys.some((key) => key !== 'Subject' && text(key) === undefined))
    return refused('malformed');
  const certificateUrl = findSnsUrl(url, topicArn);
  const bytes = findBase64(signature);
  if (certificateUrl === undefined || !/^\/[A-Za-z0-9._-]{1,200}\.pem$/.test(certificateUrl.pathname) || bytes === undefined)
    return refused('malformed');
  const signed = keys.flatMap((key) => (text(key) === undefined ? [] : [`${key}\n${text(key)}\n`])).join('');
  return { topicArn, certificateUrl, signed: Buffer.from(signed), signature: bytes, signatureVersion: version as '1' | '2' };
}

export function verifySnsMessage(message: SnsMessage, key: KeyObject): Verdict {
  const { signed, signature, signatureVersion, topicArn } = message;
  if (key.asymmetricKeyType !== 'rsa') return refused('wrong');
  return verifySignature(hashes[signatureVersion], signed, key, signature) ? { ok: true, by: topicArn } : refused('wrong');
}

/** An address of SNS itself, in the topic's region; undefined for any other. Holds for certificates and for confirmations alike. */
export function findSnsUrl(text: string | undefined, topicArn: string): URL | undefined {
  const url = text === undefined || text.length > 2_048 ? null : URL.parse(text);
  const [, partition, region] = /^arn:(aws|aws-cn|aws-us-gov):sns:([a-z0-9-]{3,32}):\d{12}:[A-Za-z0-9_.-]{1,256}$/.exec(topicArn) ?? [];
  if (url === null || region === undefined) return undefined;
  const host = `sns.${region}.amazonaws.com${partition === 'aws-cn' ? '.cn' : ''}`;
  return url.protocol === 'https:' && url.host === host && url.username === '' && url.password === '' ? url : undefined;
}

function findBase64(text: string): Buffer | undefined {
  const bytes = Buffer.from(text, 'base64');
  return bytes.length > 0 && bytes.toString('base64') === text ? bytes : undefined;
}
