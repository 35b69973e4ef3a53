import Fastify from 'fastify';
import type { Registry } from 'prom-client';

export type OpsOptions = {
  /** 0 takes a free one. */
  readonly port: number;
  /** Loopback unless given: metrics tell about the inside, so a deployment opens them on purpose. */
  readonly host?: string;
  readonly registry: Registry;
  /** `true`, or why not: the reason is shown to whoever asks. */
  readonly ready: () => true | string;
  /** Further answers, as JSON, by path: what others ask a running process for. */
  readonly answers?: Readonly<Record<string, () => object>>;
};

export type OpsServer = { readonly port: number; close(): Promise<void> };

/**
 * `/livez` (200 while the process answers at all), `/readyz` (200, or 503 with the reason) and `/metrics` (Prometheus text).
 * Liveness asks nobody else on purpose: restarting an app does not bring a broker back.
 *
 * @throws where the port is taken
 */
export async function startOps(options: OpsOptions): Promise<OpsServer> {
  const app = Fastify({ logger: false, forceCloseConnections: true });
  app.get('/livez', async () => ({ status: 'ok' }));
  app.get('/readyz', async (_request, reply) => {
    const ready = options.ready();
    return ready === true ? { status: 'ok' } : reply.code(503).send({ status: 'not-ready', reason: ready });
  });
  app.get('/metrics', async (_request, reply) => reply.type(options.registry.contentType).send(await options.registry.metrics()));
  for (const [path, answer] of Object.entries(options.answers ?? {})) app.get(path, async () => answer());
  await app.listen({ port: options.port, host: options.host ?? '127.0.0.1' });
  const address = app.server.address();
  if (address === null || typeof address === 'string') throw new Error('the ops server has no TCP port');
  return { port: address.port, close: () => app.close() };
}
