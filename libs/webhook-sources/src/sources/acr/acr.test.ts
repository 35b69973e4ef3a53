import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { settingsOf } from '../../index.ts';
import { digest, readerOf } from '../reading.fixture.ts';
import { acr } from './acr.ts';

const { parse, eventsOf, eventOf, pushOf, reasonOf } = readerOf('acr');

const notice = (action: string, target: object = {}) => ({
  id: 'inner',
  timestamp: '2024-08-06T12:00:00.1234567Z',
  action,
  target: { mediaType: 'application/vnd.oci.image.manifest.v1+json', digest, repository: 'team/app', tag: 'v1', ...target },
  request: { id: 'request', host: 'My.azurecr.io', method: 'PUT' },
});
const gridEvent = (eventType: string, id: string, data: unknown, eventTime = '2024-08-06T12:00:01+00:00') => ({
  ...{ id, topic: '/subscriptions/x', subject: 'team/app:v1', eventType, eventTime, data },
  ...{ dataVersion: '1.0', metadataVersion: '1' },
});
const validation = gridEvent('Microsoft.EventGrid.SubscriptionValidationEvent', 'v', {
  validationCode: 'code-1',
  validationUrl: 'https://example.com/never-followed',
});

describe('a webhook of the registry', () => {
  it('says push, deletion, or nothing of images', () => {
    assert.equal(eventOf(notice('push')).type, 'ImagePushed');
    assert.equal(eventOf(notice('delete')).type, 'ImageDeleted');
    const reasons = ['quarantine', 'chart_push', 'chart_delete', 'ping', 'explode'].map((action) => reasonOf(notice(action)));
    assert.deepEqual(reasons, [
      'ignored: NOT_A_PUSH',
      'ignored: HELM_CHART',
      'ignored: HELM_CHART',
      'ignored: PING',
      'malformed: EVENT_UNKNOWN',
    ]);
  });
  it('of a ping may have nothing but its action', () => assert.equal(reasonOf({ action: 'ping' }), 'ignored: PING'));
  it('of a deleted repository has neither tag nor digest; a push without either says nothing', () => {
    const bare = { digest: undefined, tag: undefined };
    assert.deepEqual(eventOf(notice('delete', bare)).data.tags, []);
    assert.equal(reasonOf(notice('push', bare)), 'malformed: FIELD_MISSING');
    assert.equal(reasonOf(notice('push', { digest: undefined, tag: '' })), 'malformed: FIELD_MISSING');
  });
  it('of a deletion whose digest cannot be read does not pass for that of the whole repository', () => {
    assert.equal(reasonOf(notice('delete', { digest: 'sha256:xxxx', tag: undefined })), 'malformed: FIELD_MISSING');
    assert.deepEqual(eventOf(notice('delete', { tag: undefined })).data.digest, digest);
    assert.deepEqual(eventOf(notice('delete', { digest: 'sha256:xxxx' })).data.tags, ['v1']);
  });
  it('has its size under one of two names', () => {
    assert.equal(pushOf(notice('push', { length: 7 })).sizeBytes, 7);
    assert.equal(pushOf(notice('push', { length: 7, size: 8 })).sizeBytes, 8);
  });
});

describe('Event Grid', () => {
  it('names events with and without its prefix', () => {
    for (const prefix of ['', 'Microsoft.ContainerRegistry.']) {
      assert.equal(eventOf([gridEvent(`${prefix}ImagePushed`, 'o', notice('push'))]).type, 'ImagePushed');
      assert.equal(eventOf([gridEvent(`${prefix}ImageDeleted`, 'o', notice('delete'))]).type, 'ImageDeleted');
      assert.equal(reasonOf([gridEvent(`${prefix}ChartPushed`, 'o', notice('chart_push'))]), 'ignored: HELM_CHART');
      assert.equal(reasonOf([gridEvent(`${prefix}ChartDeleted`, 'o', { action: 'chart_delete' })]), 'ignored: HELM_CHART');
    }
  });
  it('counts by the id around, which stays over retries, and by the time within', () => {
    const push = pushOf([gridEvent('ImagePushed', 'outer', notice('push'))]);
    assert.deepEqual([push.sourceDeliveryId, push.occurredAtMs], ['outer', Date.UTC(2024, 7, 6, 12, 0, 0, 123)]);
  });
  it('has a time around where there is none within that can be read', () => {
    const data = { ...notice('push'), timestamp: '019-02-30T12:00:00Z' };
    assert.equal(pushOf([gridEvent('ImagePushed', 'o', data)]).occurredAtMs, Date.UTC(2024, 7, 6, 12, 0, 1));
    assert.equal(pushOf([gridEvent('ImagePushed', 'o', data, '019-11-27T12:00:00Z')]).occurredAtMs, null);
  });
  it('sends batches, in their order; what cannot be read leaves the others alone', () => {
    const batch = ['1', '2', '3'].map((id) => gridEvent('ImagePushed', id, notice('push', { tag: id })));
    const parsed = parse([batch[0], 7, gridEvent('Other', 'x', {}), ...batch.slice(1)]);
    assert.ok(parsed.outcome === 'events');
    assert.deepEqual(
      parsed.events.map(({ data }) => data.tags),
      [['1'], ['2'], ['3']],
    );
    assert.deepEqual(
      parsed.rest.map(({ reason }) => reason),
      ['EVENT_NOT_AN_OBJECT', 'EVENT_UNKNOWN'],
    );
    assert.equal(reasonOf([]), 'ignored: NO_EVENTS');
    assert.equal(reasonOf(Array.from({ length: 5_001 }, () => 0)), 'malformed: TOO_MANY_EVENTS');
  });
  it('sends CloudEvents too, alone and in batches', () => {
    const cloudEvent = (id: string) => ({
      ...{ specversion: '1.0', id, source: '/registries/x', type: 'Microsoft.ContainerRegistry.ImagePushed' },
      data: notice('push', { tag: id }),
    });
    assert.deepEqual(pushOf(cloudEvent('c1')).tags, ['c1']);
    assert.equal(eventsOf([cloudEvent('c1'), cloudEvent('c2')]).length, 2);
  });
});

describe('the handshake of Event Grid', () => {
  it('is answered by its code', () => {
    const parsed = parse([validation]);
    assert.ok(parsed.outcome === 'handshake');
    assert.deepEqual(parsed.handshake, { kind: 'answer', status: 200, headers: {}, body: { validationResponse: 'code-1' } });
  });
  it('takes no push with it: among others it is none', () => {
    const parsed = parse([validation, gridEvent('ImagePushed', 'o', notice('push'))]);
    assert.equal(parsed.outcome, 'events');
  });
  it('without a code is malformed', () =>
    assert.equal(reasonOf([{ ...validation, data: { validationUrl: 'https://example.com' } }]), 'malformed: FIELD_MISSING'));

  const ask = (origin: string, allowedOrigins: readonly string[] | null = null, rate?: string) =>
    acr.options?.(
      { 'webhook-request-origin': origin, ...(rate === undefined ? {} : { 'webhook-request-rate': rate }) },
      settingsOf('test', { allowedOrigins }),
    );
  it('by OPTIONS is granted to Event Grid, and to others only where the endpoint says so', () => {
    const granted = { allow: 'POST', 'webhook-allowed-origin': 'eventgrid.azure.net', 'webhook-allowed-rate': '120' };
    assert.deepEqual(ask('eventgrid.azure.net', null, '120'), { kind: 'answer', status: 200, headers: granted, body: null });
    assert.equal(ask('example.com'), null);
    assert.equal(ask('eventgrid.azure.net', ['example.com']), null);
    assert.equal(ask('eventgrid.azure.net', []), null);
    assert.equal(ask(''), null);
    assert.notEqual(ask('Example.com', ['example.com']), null);
  });
  it('by OPTIONS repeats a rate that is one', () => {
    for (const rate of ['0', '-1', '1e9', 'a\r\nb', '12345678901'])
      assert.deepEqual(ask('eventgrid.azure.net', null, rate), ask('eventgrid.azure.net'));
  });
});
