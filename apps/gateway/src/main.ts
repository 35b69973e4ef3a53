import { setFlagsFromString } from 'node:v8';
import { checkSources, closeGracefully, collectProcessMetrics, createLogger, loadSources, startOps } from '@waybill/app-kit';
import { loadConfig } from '@waybill/config';
import { topics } from '@waybill/domain';
import { createAppender, createCodec } from '@waybill/kafka';
import { Registry } from 'prom-client';
import { createAuth } from './auth/auth.ts';
import { loadTls, renewTls, tlsFilesOf } from './auth/tls.ts';
import { GatewayConfig } from './config.ts';
import { givenLog, lateLog, type Reached } from './log.ts';
import { createGateway, sendBytesMax } from './server.ts';
import { openOverflow } from './spool/overflow.ts';
import { watchFiles } from './watch-files.ts';
import { watchReports, watchSources } from './watch-sources.ts';

// Requests under way are moved into the old generation and soon are garbage there. By default it grows fourfold before it is collected.
setFlagsFromString('--heap-growing-percent=100');

const config = loadConfig(GatewayConfig, process.env);
const env = { ...process.env, SECRETS_DIR: config.SECRETS_DIR };
const firstSources = loadSources(config.CONFIG_DIR, env);
const tls = loadTls(config);
const logger = createLogger({ app: 'gateway', level: config.LOG_LEVEL });

const registry = new Registry();
collectProcessMetrics(registry);

const auth = createAuth({ registry, logger, nowMs: Date.now });
const watched = watchSources(firstSources, {
  load: () => checkSources(config.CONFIG_DIR, env),
  everyMs: config.SOURCES_CHECK_MS,
  ...watchReports({ auth, logger, nowMs: Date.now, hasClientCa: tls?.ca !== undefined }),
});

async function connect(): Promise<Reached> {
  const codec = await createCodec({ registryUrl: config.SCHEMA_REGISTRY_URL });
  const { append, partitionOf, close } = await createAppender({
    brokers: config.KAFKA_BROKERS.split(','),
    clientId: 'waybill-gateway',
    countBy: topics.deliveries.name,
    timeoutMs: config.APPEND_TIMEOUT_MS,
  });
  return { encoding: { codec, partitionOf }, append, close };
}
const hasSpool = config.SPOOL_DIR !== '';
const onFailure = (err: unknown): void => logger.error({ err }, 'the log is not reached; deliveries go to the spool');
const log = hasSpool ? lateLog(connect, onFailure) : givenLog(await connect());
const overflow = hasSpool
  ? await openOverflow({
      ...{ dir: config.SPOOL_DIR, bytesMax: config.SPOOL_BYTES_MAX, appendBytesMax: sendBytesMax },
      ...{ log, registry, logger, nowMs: Date.now },
    })
  : undefined;

let isClosing = false;
const { app, batcher, ready } = await createGateway({
  config,
  sources: watched.sources,
  auth,
  tls,
  log,
  overflow,
  registry,
  logger,
  nowMs: Date.now,
});
const watchedTls = watchFiles(
  () => tlsFilesOf(config),
  config.SOURCES_CHECK_MS,
  () => {
    try {
      renewTls(app.server, config);
    } catch (err) {
      logger.error({ err, code: 'CONFIG_INVALID' }, 'TLS files have changed and cannot be used; the ones before go on');
    }
  },
);
const ops = await startOps({
  port: config.OPS_PORT,
  host: config.OPS_HOST,
  registry,
  ready: () => (isClosing ? 'closing' : ready()),
});

// In the data's direction: take no more requests, answer those that are there, make them durable, let go.
closeGracefully({
  logger,
  onHangUp: () => void Promise.all([watched.check(), watchedTls.check()]),
  steps: [
    { name: 'readiness', close: () => void (isClosing = true) },
    { name: 'http', close: () => app.close() },
    {
      name: 'files',
      close: () => {
        watched.close();
        watchedTls.close();
      },
    },
    { name: 'batches', close: () => batcher.drained() },
    { name: 'spool', close: () => overflow?.close() },
    { name: 'log', close: () => log.close() },
    { name: 'ops', close: () => ops.close() },
  ],
});

await app.listen({ port: config.HTTP_PORT, host: config.HTTP_HOST });
logger.info({ url: app.listeningOrigin, opsPort: ops.port, endpoints: [...watched.sources.keys()] }, 'listening');
