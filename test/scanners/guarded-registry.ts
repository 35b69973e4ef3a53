import { createServer, request, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';

/**
 * A registry behind a password, by plain HTTP, at an address that the tools do not take for this machine: 127.0.0.1 and `localhost` they
 * read by plain HTTP unasked (go-containerregistry, `pkg/name/registry.go`). All of 127.0.0.0/8 is loopback.
 */
export async function guardRegistry(host: string, credentials: string): Promise<{ readonly host: string; readonly close: () => void }> {
  const expected = `Basic ${Buffer.from(credentials).toString('base64')}`;
  const [hostname, port] = host.split(':');
  const server: Server = createServer((incoming, response) => {
    if (incoming.headers.authorization !== expected) {
      response.writeHead(401, { 'www-authenticate': 'Basic realm="guarded"' });
      response.end('{"errors":[{"code":"UNAUTHORIZED","message":"authentication required"}]}');
      return;
    }
    const { authorization: _, ...headers } = incoming.headers;
    const outgoing = request({ hostname, port, path: incoming.url, method: incoming.method, headers }, (answer) => {
      response.writeHead(answer.statusCode ?? 502, answer.headers);
      answer.pipe(response);
    });
    outgoing.on('error', () => response.destroy());
    incoming.pipe(outgoing);
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.2', resolve));
  const close = (): void => {
    server.closeAllConnections();
    server.close();
  };
  return { host: `127.0.0.2:${(server.address() as AddressInfo).port}`, close };
}
