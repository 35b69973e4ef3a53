import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { signAws, type AwsRequest } from './aws-signature.ts';

// Keys, time and signatures of AWS's own "Signature Version 4 Test Suite", and of the example in the IAM User Guide.
const keys = { accessKeyId: 'AKIDEXAMPLE', secretAccessKey: 'wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY' };
const atMs = Date.UTC(2015, 7, 30, 12, 36, 0);
const form = { 'content-type': 'application/x-www-form-urlencoded' };
const rows: readonly (readonly [string, Partial<AwsRequest> & { readonly path: string }, string])[] = [
  ['get-vanilla', { path: '/' }, '5fa00fa31553b73ebf1942676e86291e8372ff2a2260956d9b8aae1d763fbf31'],
  ['post-vanilla', { path: '/', method: 'POST' }, '5da7c1a2acd57cee7505fc6676e4e544621c30862966e37dddb68e92efbe5d6b'],
  [
    'get-vanilla-query-order-key-case',
    { path: '/?Param2=value2&Param1=value1' },
    'b97d918cfa904a5beff61c982a1b6f458b799221646efd99d3219ec94cdf2500',
  ],
  [
    'post-x-www-form-urlencoded',
    { path: '/', method: 'POST', headers: form, body: 'Param1=value1' },
    'ff11897932ad3f4e8b18135d722051e5ac45fc38421b1da7b9d196a0fe09473a',
  ],
];

describe("AWS's signature", () => {
  for (const [name, { path, ...request }, signature] of rows) {
    it(`is that of the suite: ${name}`, () => {
      const url = new URL(path, 'https://example.amazonaws.com');
      const signed = signAws({ method: 'GET', headers: {}, body: '', ...request, url }, keys, {
        region: 'us-east-1',
        service: 'service',
        atMs,
      });
      assert.match(
        signed['authorization'] ?? '',
        new RegExp(`^AWS4-HMAC-SHA256 Credential=AKIDEXAMPLE/20150830/.*Signature=${signature}$`),
      );
    });
  }

  it('is that of the guide: ListUsers', () => {
    const url = new URL('https://iam.amazonaws.com/?Action=ListUsers&Version=2010-05-08');
    const headers = { 'content-type': 'application/x-www-form-urlencoded; charset=utf-8' };
    const signed = signAws({ method: 'GET', url, headers, body: '' }, keys, { region: 'us-east-1', service: 'iam', atMs });
    assert.match(
      signed['authorization'] ?? '',
      /SignedHeaders=content-type;host;x-amz-date, Signature=5d672d79c15b13162d9279b0855cfba6789a8edb4c82c400e06b5924a6f2b5d7$/,
    );
  });

  it("covers a session's token, and never holds the secret", () => {
    const url = new URL('https://example.amazonaws.com/');
    const signed = signAws(
      { method: 'GET', url, headers: {}, body: '' },
      { ...keys, sessionToken: 'st' },
      { region: 'r', service: 's', atMs },
    );
    assert.match(signed['authorization'] ?? '', /SignedHeaders=host;x-amz-date;x-amz-security-token/);
    assert.equal(signed['x-amz-security-token'], 'st');
    assert.ok(!JSON.stringify(signed).includes(keys.secretAccessKey));
  });
});
