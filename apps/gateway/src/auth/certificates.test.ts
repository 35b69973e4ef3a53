import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { issue, type Issued } from '@waybill/webhook-sources/testing';
import { createCertificates } from './certificates.ts';

const root = issue({ commonName: 'root', isCa: true });
const middle = issue({ commonName: 'middle', issuer: root, isCa: true });
const issuerUrl = 'http://crt.r2m01.amazontrust.com/r2m01.cer';
const leaf = issue({ commonName: 'sns', issuer: middle, dnsNames: ['sns.amazonaws.com'], caIssuers: issuerUrl });
const url = (name = 'a'): URL => new URL(`https://sns.us-west-2.amazonaws.com/${name}.pem`);

function start(files: Readonly<Record<string, Buffer | string>>) {
  const state = { files, isAway: false, fetched: [] as string[], nowMs: Date.UTC(2026, 0, 1) };
  const fetch = async (address: string) => {
    state.fetched.push(address);
    const file = state.files[address];
    if (state.isAway || file === undefined) throw new Error('no route');
    return { body: Buffer.from(file), cacheControl: null };
  };
  const { find } = createCertificates({ fetch, roots: [root.certificate], nowMs: () => state.nowMs, onFailure: () => undefined });
  const ask = async (at = url(), trust: 'chain' | 'host' = 'chain'): Promise<string> => {
    const key = await find(at, trust);
    return typeof key === 'string' ? key : 'a key';
  };
  return { state, ask };
}
const bundle = (...all: readonly Issued[]): string => all.map(({ pem }) => pem).join('\n');

describe('a certificate of SNS', () => {
  it('is fetched once for all who ask, and kept', async () => {
    const { state, ask } = start({ [url().href]: bundle(leaf, middle) });
    assert.deepEqual(await Promise.all([ask(), ask(), ask()]), ['a key', 'a key', 'a key']);
    state.isAway = true;
    assert.equal(await ask(), 'a key');
    assert.equal(state.fetched.length, 1);
  });

  it('that comes alone is completed from its CA, by what it says itself', async () => {
    const { state, ask } = start({ [url().href]: leaf.pem, [issuerUrl]: middle.certificate.raw });
    assert.equal(await ask(), 'a key');
    assert.deepEqual(state.fetched, [url().href, issuerUrl]);
  });

  it('does not make us fetch from anywhere else', async () => {
    for (const caIssuers of [
      'http://example.com/x.cer',
      'http://amazontrust.com.example.com/x',
      'http://crt.amazontrust.com:8080/x',
      'file:///x',
    ]) {
      const lured = issue({ commonName: 'sns', issuer: middle, dnsNames: ['sns.amazonaws.com'], caIssuers });
      const { state, ask } = start({ [url().href]: lured.pem });
      assert.equal(await ask(), 'refused');
      assert.equal(state.fetched.length, 1, caIssuers);
    }
  });

  it('that leads to no root, is for another host, or is none, is refused', async () => {
    const self = issue({ commonName: 'sns.amazonaws.com' });
    const other = issue({ commonName: 'x', issuer: middle, dnsNames: ['example.com'] });
    for (const file of [self.pem, bundle(other, middle), 'no certificate', ''])
      assert.equal(await start({ [url().href]: file }).ask(), 'refused');
  });

  it('is enough as it came where the endpoint trusts the host', async () => {
    const { ask } = start({ [url().href]: issue({ commonName: 'self' }).pem });
    assert.equal(await ask(url(), 'host'), 'a key');
    assert.equal(await ask(url(), 'chain'), 'refused', 'one endpoint’s trust is not the other’s');
  });

  it('opens nothing once it is out of its time, though it is kept', async () => {
    const short = issue({ commonName: 'x', issuer: root, dnsNames: ['sns.amazonaws.com'], to: new Date('2026-01-01T01:00:00Z') });
    const { state, ask } = start({ [url().href]: short.pem });
    assert.equal(await ask(), 'a key');
    state.nowMs += 3_600_000;
    assert.equal(await ask(), 'refused');
  });

  it('that cannot be had is asked for again soon', async () => {
    const { state, ask } = start({ [url().href]: bundle(leaf, middle) });
    state.isAway = true;
    assert.equal(await ask(), 'unavailable');
    assert.equal(await ask(), 'unavailable');
    assert.equal(state.fetched.length, 1);
    state.isAway = false;
    state.nowMs += 5_000;
    assert.equal(await ask(), 'a key');
  });

  it('costs strangers few fetches and little memory', async () => {
    const { state, ask } = start({});
    for (let at = 0; at < 500; at++) assert.equal(await ask(url(String(at))), 'unavailable');
    assert.equal(state.fetched.length, 20);
  });
});
