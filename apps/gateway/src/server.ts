import Fastify, { type FastifyInstance, type FastifyReply } from 'fastify';
import type { Registry } from 'prom-client';
import type { Logger } from '@waybill/app-kit';
import { createAuthenticate } from './auth/authenticate.ts';
import { createBatcher, type Batcher } from './batcher.ts';
import { createBudget } from './budget.ts';
import type { GatewayConfig } from './config.ts';
import type { Log } from './log.ts';
import { createMetrics } from './metrics.ts';
import { watchSends } from './readiness.ts';
import type { Sources } from './sources.ts';
import { createStore, toSent, type Overflow, type Sent } from './store.ts';
import { webhookRoute } from './webhook.route.ts';

export type GatewayNeeds = {
  readonly config: Pick<
    GatewayConfig,
    'HTTP_BODY_BYTES_MAX' | 'HTTP_REQUEST_TIMEOUT_MS' | 'IN_FLIGHT_REQUESTS_MAX' | 'IN_FLIGHT_BYTES_MAX' | 'APPEND_TIMEOUT_MS'
  >;
  readonly sources: Sources;
  readonly log: Log;
  /** Takes what the log does not; without it the sender is told to come again. */
  readonly overflow?: Overflow | undefined;
  readonly registry: Registry;
  readonly logger: Logger;
  readonly nowMs: () => number;
};

export type Gateway = {
  readonly app: FastifyInstance;
  readonly batcher: Batcher<Sent>;
  /** `true`, or why deliveries are not made durable at present. */
  readonly ready: () => true | string;
};

/** Records and bytes per send: below what slows the client's grouping down, and far below the broker's request limit of 100 MiB. */
const sendRecordsMax = 1_000;
export const sendBytesMax = 4_194_304;
/** A path segment as long as the longest secret that sources.ts takes. */
const paramLengthMax = 200;

/** The HTTP side, without a port yet: `app.inject` tests it, main.ts makes it listen. */
export async function createGateway(needs: GatewayNeeds): Promise<Gateway> {
  const { config, sources, log, overflow, registry, logger, nowMs } = needs;
  const store = watchSends(createStore(log, overflow, logger), () => performance.now());
  const batcher = createBatcher({
    send: store.send,
    recordsMax: sendRecordsMax,
    bytesMax: sendBytesMax,
    pendingBytesMax: config.IN_FLIGHT_BYTES_MAX,
    // Time for the log, and as much for the disk once the log has had its time.
    timeoutMs: (overflow === undefined ? 1 : 2) * config.APPEND_TIMEOUT_MS,
    onSend: (sent) => metrics.send(sent),
  });
  const metrics = createMetrics(registry, batcher.pendingBytes);
  const app = Fastify({
    logger: false, // Fastify's own lines hold URLs, and URLs may hold secrets.
    bodyLimit: config.HTTP_BODY_BYTES_MAX,
    requestTimeout: config.HTTP_REQUEST_TIMEOUT_MS,
    // Also here: Node then lowers the headers' timeout (60 s) with it; with that one above it, it finds no request late at all.
    // And it looks only every 30 s unless told otherwise.
    http: {
      requestTimeout: config.HTTP_REQUEST_TIMEOUT_MS,
      connectionsCheckingInterval: Math.min(1_000, config.HTTP_REQUEST_TIMEOUT_MS),
    },
    routerOptions: { maxParamLength: paramLengthMax },
    // The default answer quotes the URL.
    frameworkErrors: (_error, _request, reply: FastifyReply) => void reply.code(400).send({ code: 'REQUEST_INVALID' }),
  });
  app.server.maxConnections = 2 * config.IN_FLIGHT_REQUESTS_MAX;
  // A sender that keeps its connection would hold up closing for as long as it likes.
  let isClosing = false;
  app.addHook('preClose', async () => void (isClosing = true));
  app.addHook('onSend', async (_request, reply) => void (isClosing && reply.header('connection', 'close')));
  app.setNotFoundHandler(async (_request, reply) => reply.code(404).send({ code: 'ENDPOINT_UNKNOWN' }));
  const budget = createBudget({ requestsMax: config.IN_FLIGHT_REQUESTS_MAX, bytesMax: config.IN_FLIGHT_BYTES_MAX });
  await app.register(webhookRoute, {
    sources,
    authenticate: createAuthenticate(nowMs),
    keep: (receipt, settings) => batcher.add(toSent(receipt, settings, log)),
    budget,
    bodyBytesMax: config.HTTP_BODY_BYTES_MAX,
    metrics,
    logger,
    nowMs,
  });
  return { app, batcher, ready: () => (overflow?.isFull() === true ? 'the spool is full' : store.ready()) };
}
