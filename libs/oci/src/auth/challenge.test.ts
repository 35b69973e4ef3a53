import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import fc from 'fast-check';
import { parseChallenges } from './challenge.ts';

const plain = (header: string | readonly string[]): unknown => JSON.parse(JSON.stringify(parseChallenges(header)));

describe('a WWW-Authenticate header', () => {
  it('names a realm, a service and a scope', () =>
    assert.deepEqual(plain('Bearer realm="https://auth.example/token",service="r.example",scope="repository:a/b:pull,push"'), [
      { scheme: 'bearer', params: { realm: 'https://auth.example/token', service: 'r.example', scope: 'repository:a/b:pull,push' } },
    ]));

  it('may hold several challenges, in one header or in several', () => {
    const both = [
      { scheme: 'basic', params: { realm: 'a "b"' } },
      { scheme: 'bearer', params: { realm: 'https://x/' } },
    ];
    assert.deepEqual(plain('Basic realm="a \\"b\\"", Bearer realm="https://x/"'), both);
    assert.deepEqual(plain(['Basic realm="a \\"b\\""', 'Bearer realm="https://x/"']), both);
  });

  it('may be missing', () => assert.deepEqual(parseChallenges(undefined), []));

  it('may be anything: parsing it ends and never throws', () =>
    fc.assert(fc.property(fc.string({ maxLength: 300 }), (text) => Array.isArray(parseChallenges(text)))));
});
