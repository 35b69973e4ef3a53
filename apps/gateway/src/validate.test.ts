import assert from 'node:assert/strict';
import { createHmac } from 'node:crypto';
import { describe, it } from 'node:test';
import { topics } from '@waybill/domain';
import { bearer, memoryLog, push, secrets, startGateway } from './gateway.fixture.ts';
import type { Preview } from './preview.ts';

const batch = { events: [push('e1'), { ...push('e2'), action: 'mount' }, { ...push('e3'), action: 'explode' }] };

describe('a delivery that is only to be looked at', () => {
  it('is answered with what it would become, part by part, and kept nowhere', async () => {
    const log = memoryLog();
    const { post, registry } = await startGateway(log.append);
    const response = await post('distribution/validate', batch, bearer);
    assert.equal(response.statusCode, 200);
    const { outcome, pushes, events, rest } = response.json<Preview>();
    assert.equal(outcome, 'events');
    assert.deepEqual(
      pushes.map(({ repository, tags, action }) => ({ repository, tags, action })),
      [{ repository: 'team/app', tags: ['1.0'], action: 'push' }],
    );
    assert.deepEqual(events.map(({ type }) => type), ['ImagePushed']); // prettier-ignore
    assert.deepEqual(
      rest.map(({ part, kind }) => [part, kind]),
      [
        [1, 'ignored'],
        [2, 'malformed'],
      ],
    );
    assert.equal(rest[1]?.code, 'EVENT_UNKNOWN');
    assert.ok(rest.every(({ reason }) => reason.length > 10));
    assert.equal(log.sends.length, 0);
    const counted = await registry.metrics();
    assert.match(counted, /waybill_gateway_validations_total\{endpoint="distribution",outcome="events"\} 1/);
    assert.doesNotMatch(counted, /waybill_gateway_(?:requests|events)_total\{/, 'it is no delivery');
  });

  it('has the ids that it gets when it is sent, and sending it is no repeat', async () => {
    const log = memoryLog();
    const { post } = await startGateway(log.append);
    const preview = (await post('distribution/validate', batch, bearer)).json<Preview>();
    const answer = (await post('distribution', batch, bearer)).json<{ deliveryId: string }>();
    const sent = log.records().filter(({ topic }) => topic === topics.imageEvents.name);
    assert.equal(preview.deliveryId, answer.deliveryId);
    assert.deepEqual(sent.map(({ headers }) => headers['ce_id']!.toString()), preview.events.map(({ id }) => id)); // prettier-ignore
  });

  it('says why where it cannot be read', async () => {
    const { post } = await startGateway(memoryLog().append);
    const preview = (await post('distribution/validate', '{"a":1,"a":2}', bearer)).json<Preview>();
    assert.deepEqual([preview.outcome, preview.rest.map(({ code }) => code)], ['parked', ['BODY_KEY_TWICE']]);
  });

  it('needs the same proof, also one over the body or in the path', async () => {
    const { post } = await startGateway(memoryLog().append);
    const signature = createHmac('sha256', secrets.signed).update('{}').digest('hex');
    for (const [path, headers, status] of [
      ['distribution/validate', {}, 401],
      ['distribution/validate', { authorization: 'Bearer wrong' }, 401],
      ['signed/validate', { 'x-body-proof': `sha256=${signature}` }, 200],
      ['signed/validate', { 'x-body-proof': `sha256=${'0'.repeat(64)}` }, 401],
      [`dockerhub/${secrets.dockerhub}/validate`, {}, 200],
      [`dockerhub/${secrets.dockerhub}/validate?x=1`, {}, 200],
      [`dockerhub/${secrets.dockerhub}x/validate`, {}, 401],
      [`dockerhub/${secrets.dockerhub}/%76alidate`, {}, 200],
      ['dockerhub/validate', {}, 404],
      ['dockerhub/validate/validate', {}, 401],
      ['distribution/validate/validate', bearer, 404],
      ['nobody/validate', {}, 404],
    ] as const)
      assert.equal((await post(path, '{}', headers)).statusCode, status, path);
  });
});

describe('the paths of webhooks', () => {
  it('take POST only, and say so', async () => {
    const { app } = await startGateway(memoryLog().append);
    for (const method of ['GET', 'HEAD', 'PUT', 'PATCH', 'DELETE', 'TRACE'] as const)
      for (const url of ['/v1/webhooks/distribution', '/v1/webhooks/nobody', '/v1/webhooks/dockerhub/x/validate', '/v1/webhooks/a?b=c']) {
        const response = await app.inject({ method: method as 'GET', url, headers: bearer });
        assert.deepEqual([response.statusCode, response.headers['allow']], [405, 'POST'], `${method} ${url}`);
      }
  });

  it('are all there are', async () => {
    const { app } = await startGateway(memoryLog().append);
    for (const url of ['/', '/v1', '/v1/webhooks', '/v1/webhooks/', '/v1/webhooks/a/b/c', '/metrics', '/readyz', '//v1/webhooks/a'])
      for (const method of ['GET', 'POST'] as const) assert.equal((await app.inject({ method, url })).statusCode, 404, url);
  });
});
