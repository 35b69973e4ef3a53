import assert from 'node:assert/strict';
import type { AddressInfo } from 'node:net';
import { describe, it } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import { fakeLog } from './log.fixture.ts';
import { createServer } from './server.ts';
import type { Status } from './status/status.ts';

describe('over a socket', () => {
  it('closing finishes the answer that is under way, and waits for no connection that is kept', async () => {
    const { promise: status, resolve: answer } = Promise.withResolvers<Status>();
    let asked = false;
    const server = await createServer({ reader: fakeLog().reader, status: () => ((asked = true), status) });
    await server.listen({ port: 0, host: '127.0.0.1' });
    const url = `http://127.0.0.1:${(server.server.address() as AddressInfo).port}`;
    await (await fetch(`${url}/v1/policies`)).json(); // Leaves a connection behind.
    const inFlight = fetch(`${url}/v1/status`);
    while (!asked) await sleep(5);
    const closed = server.close();
    while (server.server.listening) await sleep(5);
    answer({ asOfMs: 1, groups: [], parked: [], circuits: { asked: 0, unanswered: [], open: [] } });
    const response = await inFlight;
    assert.deepEqual([response.status, response.headers.get('connection')], [200, 'close']);
    await response.json();
    const startedMs = performance.now();
    await closed;
    assert.ok(performance.now() - startedMs < 2_000);
  });

  it('a request that does not come to its end is ended', async () => {
    const server = await createServer({ reader: fakeLog().reader, status: () => Promise.reject(new Error('not asked')) });
    const { headersTimeout, requestTimeout } = server.server;
    // With headers allowed more time than the whole request, Node would find none late.
    assert.ok(requestTimeout > 0 && headersTimeout <= requestTimeout, `${headersTimeout} > ${requestTimeout}`);
    await server.close();
  });
});
