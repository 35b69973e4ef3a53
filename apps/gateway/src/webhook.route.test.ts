import assert from 'node:assert/strict';
import { createHmac } from 'node:crypto';
import { describe, it } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import { topics } from '@waybill/domain';
import { bearer, memoryLog, push, secrets, startGateway } from './gateway.fixture.ts';

type Answer = { readonly deliveryId: string; readonly events: number; readonly ignored: number; readonly parked: number };
type Stored = { readonly type: string; readonly data: Record<string, unknown> };
const codeOf = (response: { readonly json: () => unknown }): unknown => (response.json() as { readonly code: unknown }).code;
const stored = (value: Buffer | null): Stored => JSON.parse(value!.toString()) as Stored;

describe('a webhook', () => {
  it('is kept as sent, becomes its events, and is answered with 202', async () => {
    const log = memoryLog();
    const { post } = await startGateway(log.append);
    const body = ` ${JSON.stringify({ events: [push('e1'), push('e2', '2.0')] })}\n`;
    const traceparent = '00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01';
    const response = await post('distribution', body, { ...bearer, traceparent, cookie: 'a=b' });

    assert.equal(response.statusCode, 202);
    const answer = response.json<Answer>();
    assert.deepEqual([answer.events, answer.ignored, answer.parked], [2, 0, 0]);
    assert.equal(log.sends.length, 1, 'delivery and events go in one append');
    const [delivery, first, second] = log.records();
    assert.deepEqual(
      log.records().map(({ topic, key }) => [topic, key]),
      [
        [topics.deliveries.name, 'distribution'],
        [topics.imageEvents.name, 'registry.example:5000/team/app'],
        [topics.imageEvents.name, 'registry.example:5000/team/app'],
      ],
    );
    const received = stored(delivery!.value).data as { body: { data: number[] }; headers: Record<string, string>; contentType: string };
    assert.equal(Buffer.from(received.body.data).toString(), body);
    assert.equal(received.contentType, 'application/json');
    assert.deepEqual(
      Object.keys(received.headers).filter((name) => ['authorization', 'cookie'].includes(name)),
      [],
    );
    const header = (name: string) => first!.headers[name]?.toString();
    assert.equal(delivery!.headers['ce_id']!.toString(), answer.deliveryId);
    assert.equal(header('causationid'), answer.deliveryId);
    assert.equal(header('correlationid'), header('ce_id'), 'a push starts its own journey');
    assert.equal(header('ce_subject'), 'registry.example:5000/team/app:1.0');
    assert.equal(header('traceparent'), traceparent);
    assert.notEqual(header('ce_id'), second!.headers['ce_id']!.toString());
    assert.equal(first!.timestampMs, 1_700_000_000_000, "not the sender's time: retention and replay go by it");
  });

  it('fifty times at once gives fifty answers with one delivery id and one event id', async () => {
    const log = memoryLog(() => sleep(5));
    const { post } = await startGateway(log.append);
    const answers = await Promise.all(Array.from({ length: 50 }, () => post('distribution', { events: [push('e1')] }, bearer)));
    assert.deepEqual(new Set(answers.map(({ statusCode }) => statusCode)), new Set([202]));
    assert.equal(new Set(answers.map((answer) => answer.json<Answer>().deliveryId)).size, 1);
    const ids = log.records().filter(({ topic }) => topic === topics.imageEvents.name);
    assert.equal(ids.length, 50);
    assert.equal(new Set(ids.map(({ headers }) => headers['ce_id']!.toString())).size, 1);
    assert.ok(log.sends.length < 25, `requests share sends: ${log.sends.length}`);
  });

  it('that says nothing to us is kept, and answered with 202', async () => {
    const log = memoryLog();
    const { post } = await startGateway(log.append);
    const response = await post('distribution', { events: [{ ...push('e1'), action: 'mount' }] }, bearer);
    assert.deepEqual([response.statusCode, response.json<Answer>().ignored], [202, 1]);
    assert.deepEqual(
      log.records().map(({ topic }) => topic),
      [topics.deliveries.name],
    );
  });

  for (const [what, body, code] of [
    ['garbage', 'not json', 'BODY_NOT_JSON'],
    ['an empty body', '', 'BODY_NOT_JSON'],
    ['bytes that are no text', Buffer.from([0xff, 0xfe]), 'BODY_NOT_UTF8'],
    ['an unknown event', { events: [{ ...push('e1'), action: 'explode' }] }, 'EVENT_UNKNOWN'],
    ['a million brackets', '['.repeat(1_000_000), 'BODY_TOO_DEEP'],
  ] as const) {
    it(`that is ${what} is parked with its bytes and a reason, and answered with 202`, async () => {
      const log = memoryLog();
      const { post } = await startGateway(log.append);
      const response = await post('distribution', body, bearer);
      assert.deepEqual([response.statusCode, response.json<Answer>().parked], [202, 1]);
      const [delivery, parked] = log.records();
      assert.equal(parked!.topic, topics.parked.name);
      const { data } = stored(parked!.value) as unknown as { data: { code: string; reason: string; value: { data: number[] } } };
      assert.equal(data.code, code);
      assert.match(data.reason, /^part 0: /);
      assert.deepEqual(Buffer.from(data.value.data), delivery!.value, 'the record of deliveries itself: it can be fed back');
    });
  }

  it('with one part that cannot be read still gives the events of the others', async () => {
    const log = memoryLog();
    const { post } = await startGateway(log.append);
    const response = await post('distribution', { events: [push('e1'), 5] }, bearer);
    assert.deepEqual([response.json<Answer>().events, response.json<Answer>().parked], [1, 1]);
    assert.equal(log.records().length, 3);
  });

  it('without a content type, or with one that is none, is taken all the same', async () => {
    const { app, post } = await startGateway(memoryLog().append);
    assert.equal(
      (await post('distribution', { events: [push('e1')] }, { ...bearer, 'content-type': ';;garbage' })).json<Answer>().events,
      1,
    );
    const bare = await app.inject({ method: 'POST', url: '/v1/webhooks/distribution', headers: bearer, payload: Buffer.from('{}') });
    assert.equal(bare.statusCode, 202);
  });
});

describe('a sender', () => {
  it('that shows no secret, a wrong one, or that of another endpoint gets 401 and leaves nothing in the log', async () => {
    const log = memoryLog();
    const { post } = await startGateway(log.append);
    const attempts: readonly (readonly [string, Record<string, string>])[] = [
      ['distribution', {}],
      ['distribution', { authorization: 'Bearer wrong' }],
      ['distribution', { authorization: `Bearer ${secrets.harbor}` }],
      ['distribution', { authorization: secrets.distribution }],
      ['harbor', { authorization: '' }],
      ['dockerhub/wrong', {}],
      ['signed', { 'x-body-proof': `sha256=${'0'.repeat(64)}` }],
      ['signed', {}],
    ];
    for (const [endpoint, headers] of attempts) {
      const response = await post(endpoint, { events: [push('e1')] }, headers);
      assert.deepEqual([response.statusCode, codeOf(response)], [401, 'UNAUTHORIZED'], endpoint);
    }
    assert.equal(log.sends.length, 0);
  });

  it('may use the old secret while the new one is being rolled out', async () => {
    const { post } = await startGateway(memoryLog().append);
    for (const secret of [secrets.distribution, secrets.distributionNext])
      assert.equal((await post('distribution', {}, { authorization: `Bearer ${secret}` })).statusCode, 202);
  });

  it('may sign the body, or hold its secret in the path or a plain header', async () => {
    const { post } = await startGateway(memoryLog().append);
    const signature = createHmac('sha256', secrets.signed).update('{}').digest('hex');
    assert.equal((await post('signed', '{}', { 'x-body-proof': `sha256=${signature}` })).statusCode, 202);
    assert.equal((await post('harbor', '{}', { authorization: secrets.harbor })).statusCode, 202);
    assert.equal((await post(`dockerhub/${secrets.dockerhub}`, '{}')).statusCode, 202);
  });

  it('of an endpoint that is not there gets 404, whatever the way there', async () => {
    const { app, post } = await startGateway(memoryLog().append);
    for (const endpoint of ['nobody', '__proto__', 'constructor', 'distribution/x', 'dockerhub', 'distribution/x/y'])
      assert.equal((await post(endpoint, '{}', bearer)).statusCode, 404, endpoint);
    for (const last of ['%zz-secret', 'x'.repeat(500)]) {
      const response = await app.inject({ method: 'POST', url: `/v1/webhooks/dockerhub/${last}` });
      assert.deepEqual([response.statusCode, codeOf(response)], [400, 'REQUEST_INVALID']);
      assert.ok(!response.body.includes(last), 'the URL is not quoted');
    }
  });
});

describe('a secret', () => {
  it('is in no log line, no record and no metric: not from headers, paths, refusals, faults, nor from what a proxy adds', async () => {
    const log = memoryLog();
    const { post, registry, logged } = await startGateway(log.append);
    const url = `dockerhub/${secrets.dockerhub}`;
    await post('distribution', { events: [push('e1')] }, { ...bearer, 'proxy-authorization': secrets.harbor });
    await post(url, 'garbage', { 'x-original-uri': `/v1/webhooks/${url}`, referer: `http://gateway/v1/webhooks/${url}` });
    await post(`${url}/more`, '{}');
    await post(`nobody/${secrets.dockerhub}`, '{}');
    await post(`dockerhub/x${secrets.dockerhub}`, '{}');
    await post(url, 'x'.repeat(1_048_577));
    const signature = `sha256=${createHmac('sha256', secrets.signed).update('{}').digest('hex')}`;
    await post('signed', '{}', { 'x-body-proof': signature });
    const records = log.records().map(({ value, headers, key }) => [value, key, ...Object.values(headers)].join(' '));
    const bytes = log.records().flatMap(({ value }) => {
      const { data } = stored(value) as unknown as { data: { headers: unknown } };
      return JSON.stringify(data.headers);
    });
    const written = [logged(), await registry.metrics(), ...records, ...bytes].join('\n');
    for (const secret of [...Object.values(secrets), signature]) assert.ok(!written.includes(secret), secret);
    assert.match(written, /"endpoint":"dockerhub"/, 'but the rest is there');
  });
});

describe('a body', () => {
  it('of more than the limit gets 413, and one of the limit is taken', async () => {
    const log = memoryLog();
    const { post } = await startGateway(log.append, { HTTP_BODY_BYTES_MAX: 10_000 });
    const response = await post('distribution', 'x'.repeat(10_001), bearer);
    assert.deepEqual([response.statusCode, codeOf(response)], [413, 'BODY_TOO_LARGE']);
    assert.equal(log.sends.length, 0);
    assert.equal((await post('distribution', 'x'.repeat(10_000), bearer)).statusCode, 202);
  });
});
