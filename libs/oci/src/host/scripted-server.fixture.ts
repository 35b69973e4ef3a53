import { createServer, type AddressInfo, type Socket } from 'node:net';
import type { TestContext } from 'node:test';

export type Exchange = {
  readonly socket: Socket;
  /** Request line and headers, as they came. */
  readonly head: string;
  /** 0 for the first request of all connections. */
  readonly index: number;
};
export type ScriptedServer = { readonly host: string; readonly heads: readonly string[] };

/**
 * A server that answers on the wire whatever a test wants: also what no HTTP server would send. It ends with the test.
 * Bodies of requests are not looked at; a greeting in TLS counts as a request.
 */
export async function startScriptedServer(test: TestContext, answer: (exchange: Exchange) => void): Promise<ScriptedServer> {
  const heads: string[] = [];
  const sockets = new Set<Socket>();
  const server = createServer((socket) => {
    sockets.add(socket);
    socket.on('close', () => sockets.delete(socket)).on('error', () => {});
    let received = '';
    socket.on('data', (bytes) => {
      received += bytes.toString('latin1');
      const isTlsHello = received.startsWith('\x16');
      const end = isTlsHello ? received.length : received.indexOf('\r\n\r\n');
      if (end < 0) return;
      const head = received.slice(0, end);
      received = '';
      answer({ socket, head, index: heads.push(head) - 1 });
    });
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  test.after(async () => {
    for (const socket of sockets) socket.destroy();
    await new Promise((resolve) => server.close(resolve));
  });
  return { host: `127.0.0.1:${(server.address() as AddressInfo).port}`, heads };
}

/** An answer with its length, unless the headers say one. */
export function httpAnswer(status: number, headers: Readonly<Record<string, string>> = {}, body = ''): string {
  const all = { 'content-length': String(Buffer.byteLength(body)), ...headers };
  const lines = Object.entries(all).map(([name, value]) => `${name}: ${value}\r\n`);
  return `HTTP/1.1 ${status} Scripted\r\n${lines.join('')}\r\n${body}`;
}

/** Sends without an end, as fast as it is taken. */
export function flood(socket: Socket, chunk: Buffer): void {
  const more = (): void => {
    while (!socket.destroyed && socket.write(chunk));
  };
  socket.on('drain', more);
  more();
}
