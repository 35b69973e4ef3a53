import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { checkChain } from './certificate-chain.ts';
import { issue, type Issued } from './certificate.fixture.ts';

const nowMs = Date.UTC(2026, 0, 1);
const root = issue({ commonName: 'root', isCa: true });
const middle = issue({ commonName: 'middle', issuer: root, isCa: true });
const leaf = issue({ commonName: 'sns', issuer: middle, dnsNames: ['sns.amazonaws.com'] });
const ask = (of: Issued, intermediates: readonly Issued[] = [middle], roots: readonly Issued[] = [root], at = nowMs): string => {
  const certificates = (all: readonly Issued[]) => all.map(({ certificate }) => certificate);
  const hosts = ['sns.us-west-2.amazonaws.com', 'sns.amazonaws.com'];
  return checkChain(of.certificate, { intermediates: certificates(intermediates), roots: certificates(roots), hosts, nowMs: at }).kind;
};

describe('a certificate', () => {
  it('that leads to a root is trusted, in whatever order the others come', () => {
    assert.equal(ask(leaf), 'trusted');
    assert.equal(ask(leaf, [root, leaf, middle]), 'trusted');
    assert.equal(ask(issue({ commonName: 'sns.amazonaws.com', issuer: root }), []), 'trusted', 'by its name, where it has no others');
  });
  it('of which the issuer is missing is incomplete, and not trusted because it came along', () => {
    assert.equal(ask(leaf, []), 'incomplete');
    assert.equal(ask(leaf, [middle, root], []), 'incomplete');
    assert.equal(ask(issue({ commonName: 'self', dnsNames: ['sns.amazonaws.com'] })), 'incomplete');
  });
  it('for another host is refused', () => {
    assert.equal(ask(issue({ commonName: 'x', issuer: middle, dnsNames: ['sns.amazonaws.com.example.com'] })), 'refused');
    assert.equal(ask(issue({ commonName: 'sns.amazonaws.com', issuer: middle, dnsNames: ['example.com'] })), 'refused');
  });
  it('out of its time is refused, and so is one whose issuer is', () => {
    assert.equal(ask(leaf, [middle], [root], Date.UTC(2049, 0, 2)), 'refused');
    assert.equal(ask(leaf, [middle], [root], Date.UTC(2019, 0, 1)), 'refused');
    const over = issue({ commonName: 'over', issuer: root, isCa: true, to: new Date('2025-12-31T00:00:00Z') });
    assert.equal(ask(issue({ commonName: 'x', issuer: over, dnsNames: ['sns.amazonaws.com'] }), [over]), 'refused');
  });
  it('is not issued by what is no CA, nor by a namesake with another key', () => {
    const noCa = issue({ commonName: 'no-ca', issuer: root });
    assert.notEqual(ask(issue({ commonName: 'x', issuer: noCa, dnsNames: ['sns.amazonaws.com'] }), [noCa]), 'trusted');
    assert.notEqual(ask(leaf, [middle], [issue({ commonName: 'root', isCa: true })]), 'trusted');
    assert.notEqual(ask(leaf, [issue({ commonName: 'middle', issuer: root, isCa: true })]), 'trusted');
  });
});
