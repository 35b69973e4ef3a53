import assert from 'node:assert/strict';
import { once } from 'node:events';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { it } from 'node:test';
import { createRegistryClient } from './client.ts';

it('a connection is used again after a HEAD, whether the thing is there or not', async () => {
  const server = createServer((request, response) => {
    response.writeHead(request.url!.endsWith('there') ? 200 : 404, { 'content-length': 5, connection: 'keep-alive' }).end();
  });
  let connections = 0;
  server.on('connection', () => connections++);
  await once(server.listen(0, '127.0.0.1'), 'listening');
  const host = `127.0.0.1:${(server.address() as AddressInfo).port}`;
  const client = createRegistryClient({ name: 'own', host, plainHttp: true });
  try {
    for (const at of ['there', 'nowhere', 'there']) {
      const place = { method: 'HEAD', repository: 'a', what: at, at, action: 'pull' } as const;
      await client.send({ ...place, expects: [200, 404], signal: AbortSignal.timeout(10_000) });
      await new Promise(setImmediate); // The connection is free one turn later.
    }
    assert.equal(connections, 1);
  } finally {
    await client.close();
    server.close();
  }
});
