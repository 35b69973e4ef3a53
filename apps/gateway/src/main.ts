import { closeGracefully, createLogger, loadConfig, startOps } from '@waybill/app-kit';
import { topics } from '@waybill/domain';
import { createAppender, createCodec } from '@waybill/kafka';
import { collectDefaultMetrics, Registry } from 'prom-client';
import { GatewayConfig } from './config.ts';
import { watchAppends } from './readiness.ts';
import { createGateway } from './server.ts';
import { loadSources } from './sources.ts';

const config = loadConfig(GatewayConfig, process.env);
const sources = loadSources(config.CONFIG_DIR, { ...process.env, SECRETS_DIR: config.SECRETS_DIR });
const logger = createLogger({ app: 'gateway', level: config.LOG_LEVEL });

const registry = new Registry();
collectDefaultMetrics({ register: registry });
const codec = await createCodec({ registryUrl: config.SCHEMA_REGISTRY_URL });
const appender = await createAppender({
  brokers: config.KAFKA_BROKERS.split(','),
  clientId: 'waybill-gateway',
  countBy: topics.deliveries.name,
  timeoutMs: config.APPEND_TIMEOUT_MS,
});

const log = watchAppends(appender.append, Date.now);

let isClosing = false;
const { app, batcher } = await createGateway({
  config,
  sources,
  append: log.append,
  encoding: { codec, partitionOf: appender.partitionOf },
  registry,
  logger,
  nowMs: Date.now,
});
const ops = await startOps({
  port: config.OPS_PORT,
  host: config.OPS_HOST,
  registry,
  ready: () => (isClosing ? 'closing' : log.ready()),
});

// In the data's direction: take no more requests, answer those that are there, make them durable, let go.
closeGracefully({
  logger,
  steps: [
    { name: 'readiness', close: () => void (isClosing = true) },
    { name: 'http', close: () => app.close() },
    { name: 'batches', close: () => batcher.drained() },
    { name: 'log', close: () => appender.close() },
    { name: 'ops', close: () => ops.close() },
  ],
});

await app.listen({ port: config.HTTP_PORT, host: config.HTTP_HOST });
logger.info({ url: app.listeningOrigin, opsPort: ops.port, endpoints: [...sources.keys()] }, 'listening');
