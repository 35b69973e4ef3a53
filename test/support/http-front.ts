// A server before another one, that can be slow, refuse, fall silent or hang up.
import { once } from 'node:events';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { buffer } from 'node:stream/consumers';
import { setTimeout as sleep } from 'node:timers/promises';

/** What becomes of a request. `silence` never answers, `hang-up` closes the connection. */
export type HttpTrouble = 'none' | 'silence' | 'hang-up' | { readonly status: number } | { readonly delayMs: number };

export type HttpFront = {
  readonly url: string;
  trouble: HttpTrouble;
  /** Requests that trouble has met. */
  hitsCount: number;
  close(): Promise<void>;
};

/** @param targetUrl with a path, if there is one: the front's `url` has it too */
export async function startHttpFront(targetUrl: string): Promise<HttpFront> {
  const target = new URL(targetUrl);
  const server = createServer(async (request, response) => {
    const { trouble } = front;
    if (trouble !== 'none') front.hitsCount += 1;
    const body = await buffer(request);
    if (trouble === 'silence') return;
    if (trouble === 'hang-up') return void request.socket.resetAndDestroy();
    if (typeof trouble === 'object' && 'status' in trouble) return void response.writeHead(trouble.status).end('{}');
    if (typeof trouble === 'object') await sleep(trouble.delayMs);
    const { method = 'GET', url = '/' } = request;
    const headers = { 'content-type': request.headers['content-type'] ?? 'application/json' };
    try {
      const answer = await fetch(new URL(url, target), { method, headers, ...(method === 'POST' && { body }) });
      response.writeHead(answer.status, { 'content-type': 'application/json' }).end(Buffer.from(await answer.arrayBuffer()));
    } catch {
      response.writeHead(502).end();
    }
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const front: HttpFront = {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}${target.pathname}`,
    trouble: 'none',
    hitsCount: 0,
    async close() {
      const closed = once(server, 'close');
      server.close();
      server.closeAllConnections();
      await closed;
    },
  };
  return front;
}
