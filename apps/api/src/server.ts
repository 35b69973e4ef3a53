import swagger from '@fastify/swagger';
import { StreamError } from '@waybill/stream';
import Fastify, { type FastifyBaseLogger, type FastifyError, type FastifyInstance, type FastifyReply } from 'fastify';
import { ApiError } from './problem.ts';
import type { Reader } from './read-model/rows.ts';
import { auditRoute } from './routes/audit.route.ts';
import { imagesRoute } from './routes/images.route.ts';
import { jobsRoute } from './routes/jobs.route.ts';
import { parkedRoute } from './routes/parked.route.ts';
import { policiesRoute } from './routes/policies.route.ts';
import { statusRoute } from './routes/status.route.ts';
import { traceRoute } from './routes/trace.route.ts';
import type { Status } from './status/status.ts';

export type ServerOptions = {
  readonly reader: Reader;
  readonly status: () => Promise<Status>;
  readonly logger?: FastifyBaseLogger;
  /** Called with the seconds that an answer took. */
  readonly onAnswered?: (route: string, status: number, seconds: number) => void;
};

const requestTimeoutMs = 10_000;
const connectionsMax = 1_000;

/** The read side as HTTP: nothing here changes anything. `/openapi.json` describes it. */
export async function createServer({ reader, status, logger, onAnswered }: ServerOptions): Promise<FastifyInstance> {
  const app = Fastify({
    ...(logger === undefined ? {} : { loggerInstance: logger }),
    bodyLimit: 1_024,
    requestTimeout: requestTimeoutMs,
    // Node lowers the headers' timeout only with its own setting; with that one above it, it finds no request late at all.
    http: { requestTimeout: requestTimeoutMs, connectionsCheckingInterval: 1_000 },
    // Not by force: an answer under way is finished. Idle connections are closed, and those that answer say that they are.
    forceCloseConnections: 'idle',
    routerOptions: { maxParamLength: 1_000 },
  });
  app.server.maxConnections = connectionsMax;
  let isClosing = false;
  app.addHook('preClose', async () => void (isClosing = true));
  app.addHook('onSend', async (_request, reply) => void (isClosing && reply.header('connection', 'close')));
  app.setErrorHandler(answerError);
  app.setNotFoundHandler((request) => {
    throw new ApiError('ROUTE_UNKNOWN', `there is no ${request.method} ${request.url.slice(0, 200)}`, 'See /openapi.json.');
  });
  app.addHook('onResponse', async (request, reply) =>
    onAnswered?.(request.routeOptions.url ?? 'unknown', reply.statusCode, reply.elapsedTime / 1_000),
  );
  await app.register(swagger, {
    openapi: { info: { title: 'Waybill', description: 'What happened to each image, from webhook to copy.', version: '1' } },
  });
  await app.register(imagesRoute, { reader });
  await app.register(traceRoute, { reader });
  await app.register(statusRoute, { status });
  await app.register(parkedRoute, { reader });
  await app.register(jobsRoute, { reader });
  await app.register(auditRoute, { reader });
  await app.register(policiesRoute, { reader });
  app.get('/openapi.json', { schema: { hide: true } }, async () => app.swagger());
  return app;
}

function answerError(this: FastifyInstance, error: FastifyError | Error, _request: unknown, reply: FastifyReply): unknown {
  if (error instanceof ApiError) return reply.code(error.status).send({ code: error.code, message: error.message, next: error.next });
  if ('validation' in error && error.validation !== undefined) {
    return reply.code(400).send({ code: 'REQUEST_INVALID', message: error.message, next: 'See /openapi.json for what this path takes.' });
  }
  if (error instanceof StreamError && error.code === 'LOG_UNAVAILABLE')
    return reply.code(503).send({ code: error.code, message: error.message, next: 'Check that Kafka runs, then ask again.' });
  reply.log.error({ err: error }, 'a request failed');
  return reply.code(500).send({ code: 'INTERNAL', message: 'the request failed', next: 'See the log of the api.' });
}
