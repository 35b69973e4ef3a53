import assert from 'node:assert/strict';
import { setTimeout as sleep } from 'node:timers/promises';
import { describe, it } from 'node:test';
import { bearer, memoryLog, push, startGateway } from './gateway.fixture.ts';

const body = { events: [push('e1')] };

describe('while the log is away', () => {
  it('a sender gets 503 with Retry-After: at once when it refuses, after a bounded wait when it hangs', async () => {
    const refusing = await startGateway(memoryLog(() => Promise.reject(new Error('no broker'))).append);
    const hanging = await startGateway(memoryLog(() => new Promise(() => undefined)).append, { APPEND_TIMEOUT_MS: 100 });
    for (const { post } of [refusing, hanging]) {
      const response = await post('distribution', body, bearer);
      assert.deepEqual([response.statusCode, response.json<{ code: string }>().code], [503, 'LOG_UNAVAILABLE']);
      assert.match(String(response.headers['retry-after']), /^\d+$/);
    }
    assert.match(refusing.logged(), /no broker/, 'the cause is in the log');
  });

  it('it recovers by itself', async () => {
    let isAway = true;
    const log = memoryLog(() => (isAway ? Promise.reject(new Error('no broker')) : Promise.resolve()));
    const { post } = await startGateway(log.append);
    assert.equal((await post('distribution', body, bearer)).statusCode, 503);
    isAway = false;
    assert.equal((await post('distribution', body, bearer)).statusCode, 202);
  });

  it('memory is bounded: once enough waits, others get 503 at once', async () => {
    const { post, batcher } = await startGateway(memoryLog(() => new Promise(() => undefined)).append, {
      APPEND_TIMEOUT_MS: 300,
      IN_FLIGHT_BYTES_MAX: 1_048_576,
    });
    const large = JSON.stringify({ events: [], x: 'x'.repeat(200_000) });
    const answers = await Promise.all(Array.from({ length: 30 }, () => post('distribution', large, bearer)));
    const codes = answers.map((answer) => answer.json<{ code: string }>().code);
    assert.deepEqual(new Set(codes), new Set(['LOG_UNAVAILABLE', 'GATEWAY_BUSY']));
    assert.ok(batcher.pendingBytes() <= 1_048_576, `${batcher.pendingBytes()}`);
  });

  it('requests are bounded by number too, and places come back', async () => {
    const { post, app } = await startGateway(memoryLog(() => sleep(50)).append, { IN_FLIGHT_REQUESTS_MAX: 2 });
    const statuses = (await Promise.all(Array.from({ length: 6 }, () => post('distribution', body, bearer)))).map((a) => a.statusCode);
    assert.deepEqual(statuses.sort(), [202, 202, 503, 503, 503, 503]);
    for (let round = 0; round < 5; round++) assert.equal((await post('distribution', body, bearer)).statusCode, 202);
    for (let round = 0; round < 5; round++) assert.equal((await post('distribution', 'x'.repeat(2_000_000), bearer)).statusCode, 413);
    assert.equal((await post('distribution', body, bearer)).statusCode, 202);
    await app.close();
  });

  it('whoever knocks cannot fill the log: one line per endpoint and reason and interval', async () => {
    const { post, logged, registry } = await startGateway(memoryLog().append);
    for (let attempt = 0; attempt < 100; attempt++) await post('distribution', body);
    assert.equal(logged().trim().split('\n').length, 1);
    assert.match(await registry.metrics(), /waybill_gateway_requests_total\{endpoint="distribution",outcome="unauthorized"\} 100/);
  });
});
