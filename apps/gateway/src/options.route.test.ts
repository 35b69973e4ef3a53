import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { after, describe, it } from 'node:test';
import { settingsOf, type SourceKind, type SourceSettings } from '@waybill/webhook-sources';
import { memoryLog, startGateway } from './gateway.fixture.ts';
import { byName, type Source } from './sources.ts';

// Goal: Event Grid, and whoever else asks before sending, is answered exactly as the protocol demands, and nobody else is.
const secret = 'options-secret-00001';
const endpoint = (name: string, kind: SourceKind, auth: Source['auth'], settings: Partial<SourceSettings> = {}): Source => ({
  ...{ name, kind, auth, settings: settingsOf(name, settings), rate: null },
  secrets: [{ id: 'secret', value: secret, notAfterMs: null }],
});
const log = memoryLog();
const { app, logged, registry } = await startGateway(
  log.append,
  {},
  {
    sources: byName([
      endpoint('grid', 'acr', { scheme: 'url-query', parameter: 'token' }),
      endpoint('grid-path', 'acr', { scheme: 'url-path' }),
      endpoint('grid-header', 'acr', { scheme: 'bearer' }),
      endpoint('events', 'cloudevents', { scheme: 'bearer' }, { allowedOrigins: ['events.example.com'] }),
      endpoint('harbor', 'harbor', { scheme: 'bearer' }),
    ]),
  },
);
const base = `${await app.listen({ host: '127.0.0.1', port: 0 })}/v1/webhooks`;
after(() => app.close());

const fixture = (name: string) =>
  JSON.parse(readFileSync(`${import.meta.dirname}/../../../test/fixtures/webhooks/acr/${name}.json`, 'utf8')) as {
    readonly headers: Record<string, string>;
    readonly body: unknown;
    readonly expectedResponse: { readonly status: number; readonly headers?: Record<string, string>; readonly body?: unknown };
  };
const grid = { 'WebHook-Request-Origin': 'eventgrid.azure.net' };
const ask = (path: string, headers: Record<string, string> = grid): Promise<Response> =>
  fetch(`${base}/${path}`, { method: 'OPTIONS', headers });
const statusOf = async (path: string, headers?: Record<string, string>): Promise<number> => (await ask(path, headers)).status;

describe('OPTIONS', () => {
  it('is answered to Event Grid as its protocol demands', async () => {
    const { headers, expectedResponse } = fixture('eventgrid-cloudevents-options-handshake');
    const response = await ask(`grid?token=${secret}`, headers);
    assert.equal(response.status, expectedResponse.status);
    for (const [name, value] of Object.entries(expectedResponse.headers ?? {})) assert.equal(response.headers.get(name), value);
    assert.equal(await response.text(), '');
  });
  it('is granted only with the secret where that is in the URL', async () => {
    const paths = ['grid', 'grid?token=wrong', `grid?token=${secret}`, `grid-path/${secret}`, 'grid-path/wrong'];
    assert.deepEqual(await Promise.all(paths.map((path) => statusOf(path))), [401, 401, 200, 200, 401]);
  });
  it('is granted by its origin alone where the secret is in a header, which the question does not carry', async () => {
    assert.equal(await statusOf('grid-header'), 200);
    assert.equal(await statusOf('events', { 'WebHook-Request-Origin': 'events.example.com' }), 200);
    assert.equal(await statusOf('events'), 403);
    assert.equal(await statusOf('grid-header', {}), 403);
    const response = await ask('grid-header', { 'WebHook-Request-Origin': 'evil.example' });
    assert.deepEqual([response.status, response.headers.get('webhook-allowed-origin')], [403, null]);
  });
  it('of a kind that never asks is answered as if there were no endpoint', async () => {
    const [known, unknown, misplaced] = await Promise.all(['harbor', 'nobody', `grid/${secret}`].map((path) => ask(path)));
    assert.deepEqual([known!.status, known!.headers.get('allow')], [405, 'POST']);
    assert.deepEqual(await known!.json(), await unknown!.json());
    assert.equal(misplaced!.status, 405);
  });
  it('reads no body', async () => {
    const body = 'x'.repeat(100_000);
    const response = await fetch(`${base}/grid-header`, {
      method: 'OPTIONS',
      headers: { ...grid, 'content-type': 'application/json' },
      body,
    });
    assert.equal(response.status, 200);
  });
  it('is counted, and keeps neither a record nor the secret', async () => {
    assert.match(await registry.metrics(), /endpoint="grid",outcome="handshake"/);
    assert.equal(log.records().length, 0);
    assert.ok(!logged().includes(secret));
  });
});

describe("Event Grid's validation", () => {
  it('is answered exactly, only with the secret, and not kept', async () => {
    const { headers, body, expectedResponse } = fixture('eventgrid-subscription-validation');
    const send = (token: string): Promise<Response> =>
      fetch(`${base}/grid?token=${token}`, { method: 'POST', headers, body: JSON.stringify(body) });
    assert.equal((await send('wrong')).status, 401);
    const response = await send(secret);
    assert.equal(response.status, expectedResponse.status);
    assert.deepEqual(await response.json(), expectedResponse.body);
    assert.equal(log.records().length, 0);
  });
});
