import assert from 'node:assert/strict';
import { it } from 'node:test';
import { parseDelivery } from './parse.ts';
import { settingsOf, type SourceSettings } from './parsed.ts';

const event = (repository: string) => ({
  action: 'push',
  target: { mediaType: 'application/vnd.oci.image.manifest.v1+json', digest: `sha256:${'a'.repeat(64)}`, repository, tag: '1' },
  request: { host: 'registry.example' },
});
const told = (repository: string, settings: Partial<SourceSettings>): string => {
  const delivery = { headers: {}, body: Buffer.from(JSON.stringify({ events: [event(repository)] })), receivedAtMs: 1 };
  const parsed = parseDelivery('distribution', delivery, settingsOf('a', settings));
  return parsed.outcome === 'malformed' ? parsed.reason : parsed.outcome;
};

it('an endpoint speaks of its repositories and of those below them, and of no others', () => {
  const settings = { allowedRepositories: ['team', 'other/app'] };
  for (const repository of ['team', 'team/app', 'team/a/b', 'other/app', 'other/app/x'])
    assert.equal(told(repository, settings), 'events', repository);
  for (const repository of ['teams', 'teams/app', 'other', 'other/apps', 'x/team'])
    assert.equal(told(repository, settings), 'REPOSITORY_NOT_ALLOWED', repository);
  assert.equal(told('anything', {}), 'events');
});

it('an endpoint speaks of its registries, and of no others', () => {
  assert.equal(told('team', { allowedHosts: ['registry.example'] }), 'events');
  assert.equal(told('team', { allowedHosts: ['registry.example:5000', 'example'] }), 'REGISTRY_NOT_ALLOWED');
  assert.equal(
    told('team', { registryHost: 'ours.example', allowedHosts: ['ours.example'] }),
    'events',
    'by the name that it is configured to have',
  );
});
