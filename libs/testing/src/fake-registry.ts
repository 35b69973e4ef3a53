import { createServer, type IncomingMessage, type RequestListener, type ServerResponse } from 'node:http';
import { createServer as createTlsServer } from 'node:https';
import type { AddressInfo } from 'node:net';
import { setTimeout as sleep } from 'node:timers/promises';
import type { TlsOptions } from 'node:tls';
import { newRepository, type FakeRepository } from './fake-content.ts';
import { createFaults, sendFaulty, type Fault } from './fake-faults.ts';
import { createNotifier, type NotificationTarget } from './fake-notifications.ts';
import { answer, keepBegun, type Answer, type RegistryOptions } from './fake-routes.ts';

export type FakeRegistryOptions = Partial<RegistryOptions> & {
  readonly port?: number;
  readonly notifications?: NotificationTarget;
  /** With TLS, then to be reached at `localhost`; its certificates, and whose it wants. */
  readonly tls?: TlsOptions;
  /** Asked before every request; an answer ends it there. For authentication. */
  readonly guard?: (request: IncomingMessage) => Answer | undefined;
};
export type FakeRegistry = {
  /** `127.0.0.1:<port>`; with TLS `localhost:<port>`, since certificates are for names. */
  readonly host: string;
  readonly url: string;
  readonly repositories: ReadonlyMap<string, FakeRepository>;
  /** `<method> <path and query>` of each request, in order. */
  readonly requests: readonly string[];
  readonly fail: (fault: Fault) => void;
  readonly heal: () => void;
  /** Resolves once all notifications so far were accepted. */
  readonly notified: () => Promise<void>;
  readonly close: () => Promise<void>;
};

/** Bodies above are refused: it is a registry for tests, in memory. */
const bodyBytesMax = 64 * 1_024 * 1_024;

/**
 * A small registry in memory, on loopback, that keeps to OCI distribution spec 1.1: pull, push (monolithic and chunked), mount, delete,
 * tags, referrers, notifications; and that fails in the way a test asks for.
 */
export async function startFakeRegistry(options: FakeRegistryOptions = {}): Promise<FakeRegistry> {
  const repositories = new Map<string, FakeRepository>();
  const requests: string[] = [];
  const faults = createFaults();
  const { tls } = options;
  const [scheme, name] = tls ? ['https', 'localhost'] : ['http', '127.0.0.1'];
  let host = '';
  const notifier = createNotifier(options.notifications, () => host);
  const context = {
    options: { referrersApi: true, pageSizeMax: 100, relativeLocations: true, ranges: true, ...options },
    notify: notifier.notify,
    origin: () => `${scheme}://${host}`,
    repository: (name: string) => repositories.get(name) ?? repositories.set(name, newRepository()).get(name)!,
    find: (name: string) => repositories.get(name),
    names: () => repositories.keys(),
  };

  const serve = async (request: IncomingMessage, response: ServerResponse): Promise<void> => {
    requests.push(`${request.method} ${request.url}`);
    const fault = faults.take(request);
    if (fault?.kind === 'hang') return;
    if (fault?.kind === 'slow') await sleep(fault.delayMs);
    if (fault?.kind === 'cut-request') {
      const begun = await readBody(request, fault.atBytes);
      if (fault.isKept !== false) keepBegun(context, request, begun);
      return void request.socket.resetAndDestroy();
    }
    const body = await readBody(request);
    const { status, headers, bytes } =
      fault?.kind === 'answer' ? toAnswer(fault) : (options.guard?.(request) ?? answer(context, request, body));
    if (fault?.kind === 'lose-answer') return void request.socket.resetAndDestroy();
    const lies = fault?.kind === 'headers' ? fault.headers : {};
    response.writeHead(status, { 'content-length': bytes?.byteLength ?? 0, ...headers, ...lies });
    if (request.method === 'HEAD') response.end();
    else await sendFaulty(response, bytes ?? Buffer.alloc(0), fault);
  };
  const listener: RequestListener = (request, response) => {
    serve(request, response).catch(() => response.destroy());
  };
  const server = tls ? createTlsServer(tls, listener) : createServer(listener);
  await new Promise<void>((resolve) => server.listen(options.port ?? 0, '127.0.0.1', resolve));
  host = `${name}:${(server.address() as AddressInfo).port}`;
  return {
    host,
    url: `${scheme}://${host}`,
    repositories,
    requests,
    fail: faults.add,
    heal: faults.clear,
    notified: notifier.settled,
    close: async () => {
      await notifier.close();
      server.closeAllConnections();
      await new Promise<void>((resolve) => server.close(() => resolve()));
    },
  };
}

const toAnswer = ({ status, headers = {}, body = '' }: Extract<Fault, { kind: 'answer' }>): Answer => ({
  status,
  headers,
  bytes: Buffer.from(body),
});

/** @param endBytes where to stop reading */
async function readBody(request: IncomingMessage, endBytes = Infinity): Promise<Buffer> {
  const chunks: Buffer[] = [];
  let bytesRead = 0;
  for await (const chunk of request.iterator({ destroyOnReturn: false }) as AsyncIterable<Buffer>) {
    bytesRead += chunk.byteLength;
    if (bytesRead > bodyBytesMax) throw new Error('body too large');
    chunks.push(chunk);
    if (bytesRead >= endBytes) break;
  }
  return Buffer.concat(chunks).subarray(0, endBytes);
}
