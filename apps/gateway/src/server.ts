import type { Server } from 'node:http';
import Fastify, { type FastifyHttpOptions, type FastifyInstance } from 'fastify';
import type { Registry } from 'prom-client';
import type { Logger } from '@waybill/app-kit';
import type { Auth } from './auth/auth.ts';
import { tlsOptions, type Tls } from './auth/tls.ts';
import { createBatcher, type Batcher } from './batcher.ts';
import { createBudget } from './budget.ts';
import type { GatewayConfig } from './config.ts';
import { createConnections, type Connections } from './connections.ts';
import { findFramingFault } from './framing.ts';
import type { Log } from './log.ts';
import { createMetrics } from './metrics.ts';
import { optionsRoute } from './options.route.ts';
import { createRates } from './rates.ts';
import { watchSends } from './readiness.ts';
import { createRefuser, type Refuser } from './refuse.ts';
import { createRepeats } from './repeats.ts';
import type { Sources } from './sources.ts';
import { createStore, toSent, type Overflow, type Sent } from './store.ts';
import { webhookRoute } from './webhook.route.ts';

export type GatewayNeeds = {
  readonly config: Pick<
    GatewayConfig,
    'HTTP_BODY_BYTES_MAX' | 'HTTP_REQUEST_TIMEOUT_MS' | 'IN_FLIGHT_REQUESTS_MAX' | 'IN_FLIGHT_BYTES_MAX' | 'APPEND_TIMEOUT_MS'
  >;
  readonly sources: Sources;
  readonly auth: Auth;
  /** Left out: HTTP. */
  readonly tls?: Tls | undefined;
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
/** Request line and headers together. */
const headerBytesMax = 16_384;
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
  const refuser = createRefuser({ metrics, logger, nowMs });
  const connections = createConnections((code, cause) => refuser.note({ code, cause }));
  const app = Fastify(httpOptions(needs, refuser, connections));
  app.server.maxConnections = 2 * config.IN_FLIGHT_REQUESTS_MAX;
  connections.attach(app.server, app.routing);
  // A sender that keeps its connection would hold up closing for as long as it likes.
  let isClosing = false;
  app.addHook('preClose', async () => void (isClosing = true));
  app.addHook('onSend', (_request, reply, _payload, done) => {
    if (isClosing) reply.header('connection', 'close');
    done();
  });
  app.addHook('onRequest', (request, reply, done) => {
    const code = findFramingFault(request.raw);
    if (code === undefined) done();
    else refuser.answer(request, reply.header('connection', 'close'), { code });
  });
  app.setNotFoundHandler(async (request, reply) => {
    // Whether the endpoint is there is not told to whoever asks in another way than a sender.
    if (!webhookPath.test(request.url)) return refuser.answer(request, reply, { code: 'ENDPOINT_UNKNOWN' });
    return refuser.answer(request, reply.header('allow', 'POST'), { code: 'METHOD_NOT_ALLOWED' });
  });
  const budget = createBudget({ requestsMax: config.IN_FLIGHT_REQUESTS_MAX, bytesMax: config.IN_FLIGHT_BYTES_MAX });
  await app.register(webhookRoute, {
    sources,
    auth: needs.auth,
    repeats: createRepeats(nowMs),
    keep: (receipt, settings) => batcher.add(toSent(receipt, settings, log)),
    budget,
    rates: createRates(nowMs),
    bodyBytesMax: config.HTTP_BODY_BYTES_MAX,
    refuser,
    findCut: connections.findCut,
    metrics,
    logger,
    nowMs,
  });
  await app.register(optionsRoute, { sources, auth: needs.auth, refuser, metrics });
  return { app, batcher, ready: () => (overflow?.isFull() === true ? 'the spool is full' : store.ready()) };
}

/** Paths of which at least one method is taken. */
const webhookPath = /^\/v1\/webhooks\/[^/?]+(?:\/[^/?]+)?(?:\/validate)?(?:\?|$)/;

const httpOptions = ({ config, tls }: GatewayNeeds, refuser: Refuser, connections: Connections): FastifyHttpOptions<Server> => ({
  logger: false, // Fastify's own lines hold URLs, and URLs may hold secrets.
  bodyLimit: config.HTTP_BODY_BYTES_MAX,
  requestTimeout: config.HTTP_REQUEST_TIMEOUT_MS,
  // A connection that moves no byte for longer than any answer takes: a sender that does not read what it asked for.
  connectionTimeout: config.HTTP_REQUEST_TIMEOUT_MS + 2 * config.APPEND_TIMEOUT_MS,
  // Also here: Node then lowers the headers' timeout (60 s) with it; with that one above it, it finds no request late at all.
  // And it looks only every 30 s unless told otherwise.
  [tls === undefined ? 'http' : 'https']: {
    requestTimeout: config.HTTP_REQUEST_TIMEOUT_MS,
    connectionsCheckingInterval: Math.min(1_000, config.HTTP_REQUEST_TIMEOUT_MS),
    maxHeaderSize: headerBytesMax,
    ...(tls === undefined ? {} : tlsOptions(tls)),
  },
  routerOptions: { maxParamLength: paramLengthMax },
  return503OnClosing: false, // What comes on a connection that is still open is answered like any other, and told to be the last.
  clientErrorHandler: connections.onClientError,
  // The default answer quotes the URL.
  frameworkErrors: (_error, request, reply) => void refuser.answer(request, reply, { code: 'REQUEST_INVALID' }),
});
