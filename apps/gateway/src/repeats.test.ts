import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { settingsOf, type AuthScheme, type SourceSettings } from '@waybill/webhook-sources';
import { digest, push } from './gateway.fixture.ts';
import { receive } from './receive.ts';
import { createRepeats } from './repeats.ts';
import type { Source } from './sources.ts';

const signed: AuthScheme = { scheme: 'hmac-sha256', header: 'x-hub-signature-256', prefix: 'sha256=', over: 'body' };
const source = (kind: Source['kind'], auth: AuthScheme): Source => ({
  name: 'a',
  kind,
  settings: settingsOf('a'),
  auth,
  secrets: [],
  rate: null,
});
const github = source('github', signed);
const distribution = source('distribution', { scheme: 'bearer' });
const nowMs = 1_700_000_000_000;
const receipt = (from: Source, body: unknown, headers: Record<string, string> = {}, receivedAtMs = nowMs) =>
  receive({ headers, body: Buffer.from(JSON.stringify(body)), remoteAddress: null, receivedAtMs }, from);
const packagePush = (createdAt: string) => ({
  action: 'published',
  package: {
    name: 'app',
    namespace: 'team',
    package_type: 'container',
    ecosystem: 'docker',
    owner: { login: 'team' },
    package_version: {
      version: digest,
      created_at: createdAt,
      updated_at: createdAt,
      container_metadata: { tag: { name: '1.0', digest } },
      package_url: 'ghcr.io/team/app:1.0',
    },
    registry: { url: 'https://ghcr.io/team/app', type: 'CONTAINER' },
  },
  sender: { login: 'ci' },
});
const github1 = (delivery: string, createdAt = '2024-08-06T12:00:00Z') =>
  receipt(github, packagePush(createdAt), { 'x-github-event': 'package', 'x-github-delivery': delivery });

describe('a delivery that comes again', () => {
  it('is one that has been kept; one that failed at our end is done when it comes again', () => {
    const repeats = createRepeats(() => nowMs);
    const first = receipt(distribution, { events: [push('1')] });
    assert.equal(repeats.find(first, distribution), undefined);
    assert.equal(repeats.find(first, distribution), undefined, 'it was not said to be durable');
    repeats.remember(first);
    assert.deepEqual(repeats.find(receipt(distribution, { events: [push('1')] }), distribution), {
      ...{ deliveryId: first.deliveryId, events: 1, ignored: 0, parked: 0 },
    });
    assert.equal(repeats.find(receipt(distribution, { events: [push('2')] }), distribution), undefined);
  });

  it('under another id that nobody has signed is no second event', () => {
    const repeats = createRepeats(() => nowMs);
    const first = github1('11111111-1111-1111-1111-111111111111');
    assert.equal(first.images.length, 1);
    repeats.remember(first);
    const captured = github1('22222222-2222-2222-2222-222222222222');
    assert.notEqual(captured.images[0]?.id, first.images[0]?.id);
    assert.equal(repeats.find(captured, github)?.deliveryId, first.deliveryId);
    assert.equal(repeats.find(github1('3', '2024-08-06T12:00:01Z'), github), undefined, 'another time in the body is another push');
  });

  it('and is read otherwise, because settings were mended meanwhile, is none', () => {
    const repeats = createRepeats(() => nowMs);
    const headers = { 'x-github-event': 'package', 'x-github-delivery': '1' };
    const under = (more: Partial<SourceSettings>) =>
      receipt({ ...github, settings: settingsOf('a', more) }, packagePush('2024-08-06T12:00:00Z'), headers);
    const parked = under({ allowedRepositories: ['other'] });
    assert.equal(parked.images.length, 0);
    repeats.remember(parked);
    assert.equal(repeats.find(under({ allowedRepositories: ['team'] }), github), undefined);
    repeats.remember(under({}));
    assert.equal(repeats.find(under({ registryHost: 'ours.example' }), github), undefined);
    assert.notEqual(repeats.find(under({ ownActors: ['ci'] }), github), undefined);
  });

  it('under another id is another event where the sender shows its secret anyway: who has that can write what he likes', () => {
    const repeats = createRepeats(() => nowMs);
    repeats.remember(github1('1'));
    assert.equal(repeats.find(github1('2'), { auth: { scheme: 'url-path' } }), undefined);
  });

  it('with bytes that hold neither an id nor a time may be a second push once the sender’s repeats are over', () => {
    const jfrog = source('jfrog', signed);
    const body = {
      domain: 'docker',
      event_type: 'pushed',
      data: {
        repo_key: 'docker-local',
        path: 'app/1.0/manifest.json',
        name: 'manifest.json',
        sha256: 'a'.repeat(64),
        size: 7,
        image_name: 'app',
        tag: '1.0',
      },
    };
    const of = (receivedAtMs: number) =>
      receipt({ ...jfrog, settings: settingsOf('a', { registryHost: 'jfrog.example' }) }, body, {}, receivedAtMs);
    const repeats = createRepeats(() => nowMs);
    const first = of(nowMs);
    assert.equal(first.images.length, 1);
    repeats.remember(first);
    assert.notEqual(repeats.find(of(nowMs + 1), jfrog), undefined);
    assert.equal(repeats.find(of(nowMs + 120_000), jfrog), undefined);
  });

  it('is remembered for an hour, and of so many that memory stays bounded', () => {
    let now = nowMs;
    const repeats = createRepeats(() => now);
    const first = receipt(distribution, { events: [push('first')] });
    repeats.remember(first);
    now += 3_600_000;
    assert.equal(repeats.find(first, distribution), undefined);
    repeats.remember(first);
    const another = receipt(distribution, { events: [] });
    for (let at = 0; at < 50_000; at++) repeats.remember({ ...another, deliveryId: String(at) });
    assert.equal(repeats.find(first, distribution), undefined);
    assert.notEqual(repeats.find({ ...another, deliveryId: '49999' }, distribution), undefined);
  });
});
