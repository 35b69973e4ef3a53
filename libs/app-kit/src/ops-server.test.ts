import assert from 'node:assert/strict';
import { it } from 'node:test';
import { Counter, Registry } from 'prom-client';
import { startOps } from './ops-server.ts';

it('tells liveness, readiness with its reason, metrics, and what else an app answers', async (t) => {
  const registry = new Registry();
  new Counter({ name: 'waybill_test_total', help: 'A test.', registers: [registry] }).inc(3);
  let ready: true | string = 'the log is away';
  const ops = await startOps({ port: 0, registry, ready: () => ready, answers: { '/circuits': () => ({ app: 'scanner' }) } });
  t.after(() => ops.close());
  const get = async (path: string) => {
    const response = await fetch(`http://127.0.0.1:${ops.port}${path}`);
    return { status: response.status, text: await response.text() };
  };

  assert.equal((await get('/livez')).status, 200);
  assert.deepEqual(await get('/readyz'), { status: 503, text: '{"status":"not-ready","reason":"the log is away"}' });
  ready = true;
  assert.equal((await get('/readyz')).status, 200);
  assert.match((await get('/metrics')).text, /waybill_test_total 3/);
  assert.deepEqual(await get('/circuits'), { status: 200, text: '{"app":"scanner"}' });
  await assert.rejects(startOps({ port: ops.port, registry, ready: () => true }), /EADDRINUSE/);
});
