import { closeGracefully, createLogger, startOps } from '@waybill/app-kit';
import { loadConfig } from '@waybill/config';
import { topics } from '@waybill/domain';
import { createCodec, createEventLog } from '@waybill/kafka';
import { ApiConfig } from './config.ts';
import { createMetrics } from './metrics.ts';
import { followedTopics, readLiveVersions } from './read-model/followed-topics.ts';
import { openReadModel } from './read-model/open.ts';
import { createProjector } from './read-model/projector.ts';
import { readerOf } from './read-model/rows.ts';
import { createServer } from './server.ts';
import { readCircuits } from './status/circuits.ts';
import { createStatus } from './status/status.ts';

const config = loadConfig(ApiConfig, process.env);
const logger = createLogger({ app: 'api', level: config.LOG_LEVEL });
const log = await createEventLog({ brokers: config.KAFKA_BROKERS.split(','), clientId: 'waybill-api', countBy: topics.images.name });
const codec = await createCodec({ registryUrl: config.SCHEMA_REGISTRY_URL });
const live = await readLiveVersions(log, codec);
const followed = followedTopics(live);
const onReset = (reason: string): void => logger.warn({ reason }, 'the read model is of another log; made anew');
const store = await openReadModel(config.STATE_DIR, log, onReset, live);

const reader = readerOf(store);
const opsUrls = config.OPS_URLS.split(',').filter((url) => url !== '');
const status = createStatus({ log, reader, next: (at) => projector.next(at), circuits: () => readCircuits(opsUrls), live }, Date.now);
const metrics = createMetrics(status);
const projector = createProjector({
  store,
  codec,
  topics: followed,
  onSkipped: ({ topic, partition, offset }, reason) => {
    metrics.skipped.inc({ topic });
    logger.warn({ topic, partition, offset, reason }, 'a record cannot be shown');
  },
});

/** The rows of another version are another model: the process starts anew with it. */
async function endWhereOthersAreLive(): Promise<void> {
  const now = await readLiveVersions(log, codec);
  const changed = Object.keys(now).find((app) => now[app] !== live[app]);
  if (changed !== undefined) fail(new Error(`version ${now[changed]} of ${changed} is live now: starting anew to show its rows`));
}

let caughtUp = false;
const ready = () => caughtUp || 'reading the log; answers are of the past';
const ops = await startOps({ port: config.OPS_PORT, registry: metrics.registry, ready });
const server = await createServer({ reader, status, onAnswered: metrics.answered });

const stop = new AbortController();
const following = log
  .follow({
    topics: [...followed.keys()],
    from: projector.next,
    onRecords: async (at, records, next) => {
      await projector.apply(at, records, next);
      metrics.projected.inc({ topic: at.topic }, records.length);
      if (at.topic === topics.projections.name && records.length > 0) await endWhereOthersAreLive();
    },
    onCaughtUp: () => {
      caughtUp = true;
      logger.info('caught up with the log');
    },
    signal: stop.signal,
  })
  .catch((error: unknown) => fail(error instanceof Error ? error : new Error(String(error))));

// In the data's direction: take no more requests, stop reading, let go of the store and the log.
const fail = closeGracefully({
  logger,
  steps: [
    { name: 'server', close: () => server.close() },
    { name: 'reading', close: () => (stop.abort(), following) },
    { name: 'ops', close: () => ops.close() },
    { name: 'store', close: () => store.close() },
    { name: 'log', close: () => log.close() },
  ],
});

const address = await server.listen({ port: config.HTTP_PORT, host: config.HTTP_HOST });
logger.info({ address, opsPort: ops.port }, 'serving');
