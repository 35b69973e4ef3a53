import assert from 'node:assert/strict';
import { it } from 'node:test';
import { requestOf, told } from './auth.fixture.ts';
import { verifyClientCertificate } from './client-certificate.ts';

const ask = (subjectAltNames: readonly string[], commonName: string | null = null, names = ['DNS:ci.example', 'robot']): string =>
  told(verifyClientCertificate(names, requestOf({ clientCertificate: { subjectAltNames, commonName } })));

it('a client certificate opens by a name on the list, whole', () => {
  assert.equal(ask(['DNS:other.example', 'DNS:ci.example']), 'by DNS:ci.example');
  assert.equal(ask([], 'robot'), 'by robot');
  for (const name of ['DNS:ci.example.com', 'DNS:CI.example', 'URI:ci.example', 'ci.example']) assert.equal(ask([name]), 'forbidden', name);
});

it('its CN says nothing where it has other names, and no name opens nothing', () => {
  assert.equal(ask(['DNS:other.example'], 'robot'), 'forbidden');
  assert.equal(ask([]), 'forbidden');
  assert.equal(ask([], 'robot', []), 'forbidden');
});

it('without a certificate there is no proof', () => assert.equal(told(verifyClientCertificate(['robot'], requestOf({}))), 'missing'));
