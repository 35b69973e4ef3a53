import assert from 'node:assert/strict';
import { once } from 'node:events';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { after, describe, it } from 'node:test';
import { fetchBounded } from './fetch-bounded.ts';

const asked: string[] = [];
const server = createServer((request, response) => {
  const { pathname } = new URL(request.url ?? '/', 'http://x');
  asked.push(pathname);
  if (pathname === '/good') response.writeHead(200, { 'cache-control': 'max-age=60' }).end('keys');
  else if (pathname === '/elsewhere') response.writeHead(302, { location: '/good' }).end();
  else if (pathname === '/large') response.writeHead(200).end(Buffer.alloc(262_145));
  else if (pathname === '/endless') response.writeHead(200).write(Buffer.alloc(300_000));
  else if (pathname === '/cut') response.writeHead(200, { 'content-length': '100' }).write('half', () => response.destroy());
  else response.writeHead(500).end();
});
await once(server.listen(0, '127.0.0.1'), 'listening');
after(() => {
  server.close();
  server.closeAllConnections();
});
const url = (path: string): string => `http://127.0.0.1:${(server.address() as AddressInfo).port}${path}?Token=t0ken`;

describe('something small by GET', () => {
  it('comes with what its owner says of how long it is good', async () => {
    const { body, cacheControl } = await fetchBounded(url('/good'));
    assert.deepEqual([body.toString(), cacheControl], ['keys', 'max-age=60']);
  });
  it('is not fetched from where it is sent on to', async () => {
    asked.length = 0;
    await assert.rejects(fetchBounded(url('/elsewhere')), /redirects/);
    assert.deepEqual(asked, ['/elsewhere']);
  });
  it('that is not small, not whole, or an error is none', async () => {
    for (const path of ['/large', '/endless']) await assert.rejects(fetchBounded(url(path)), /more than 262144 bytes/);
    await assert.rejects(fetchBounded(url('/cut')), /does not come in whole/);
    await assert.rejects(fetchBounded(url('/none')), /answers 500/);
    await assert.rejects(fetchBounded('http://127.0.0.1:1/x?Token=t0ken'), /does not answer/);
  });
  it('leaves no word of the query in an error', async () => {
    for (const address of [url('/none'), url('/cut'), url('/large'), 'http://127.0.0.1:1/x?Token=t0ken'])
      await assert.rejects(fetchBounded(address), (error: Error) => !`${error.stack} ${String(error.cause)}`.includes('t0ken'));
  });
});
