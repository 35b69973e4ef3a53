import { createCodec, createEventLog } from '@waybill/kafka';
import { runTopology, StreamError, type Draft, type Observer, type Running, type Topology, versioned } from '@waybill/stream';
import { openCircuits } from './circuits.ts';
import { loadConfig } from '@waybill/config';
import { createLogger, type Logger } from './logger.ts';
import { storesOf } from './open-store.ts';
import { startOps } from './ops-server.ts';
import { findRedeliverRequest, redeliverApp } from './redeliver-app.ts';
import { closeGracefully } from './shutdown.ts';
import { StreamConfig } from './stream-config.ts';
import { createStreamMetrics } from './stream-metrics.ts';

export type AppOptions = {
  readonly app: string;
  readonly topology: Topology;
  /** What an operator should see of its configuration, in the line that says that it has started. */
  readonly startedWith?: Readonly<Record<string, string | number>>;
};

/**
 * A stream app's whole process: configuration, log, codec, local state, the topology, ops server, and the way out.
 * Asked for with `--redeliver`, it runs over a range of its inputs in a sandbox instead.
 * Ends with exit code 1 when it can go on no more, so that whatever supervises it starts it anew.
 */
export async function runApp({ app, topology: declared, startedWith }: AppOptions): Promise<void> {
  const config = loadConfig(StreamConfig, process.env);
  const topology = versioned(declared, config.PROJECTION_VERSION);
  const request = findRedeliverRequest(process.argv);
  if (request) return redeliverApp({ app, topology, config }, request);
  const logger = createLogger({ app, level: config.LOG_LEVEL });
  const state: { running?: Running } = {};
  const metrics = createStreamMetrics(app, () => state.running);

  const ready = (): true | string => (state.running?.ready() ? true : 'has no partitions, or Kafka is silent for longer than the session');
  const answers = { '/circuits': () => ({ app, circuits: openCircuits(state.running?.circuits() ?? []) }) };
  const ops = await startOps({ port: config.OPS_PORT, host: config.OPS_HOST, registry: metrics.registry, ready, answers });
  const log = await createEventLog({
    brokers: config.KAFKA_BROKERS.split(','),
    clientId: `waybill-${app}`,
    countBy: topology.inputs[0]!.name,
    transactionTimeoutMs: config.TRANSACTION_TIMEOUT_MS,
    log: (message) => logger.debug({ kafkajs: message }, 'client'),
  });
  const fail = closeGracefully({
    logger,
    steps: [
      { name: 'topology', close: () => state.running?.close() },
      { name: 'log', close: () => log.close() },
      { name: 'ops', close: () => ops.close() },
    ],
  });

  state.running = await runTopology({
    topology,
    log,
    codec: await createCodec({ registryUrl: config.SCHEMA_REGISTRY_URL }),
    openStore: storesOf(config, logger),
    instance: `${topology.group}-${config.INSTANCE_ID}`,
    sessionTimeoutMs: config.GROUP_SESSION_TIMEOUT_MS,
    jobsMax: config.JOBS_MAX,
    observer: observerOf(logger, metrics),
    onCrash: fail,
  });
  logger.info({ opsPort: ops.port, inputs: topology.inputs.map(({ name }) => name), ...startedWith }, 'started');
}

function observerOf(logger: Logger, metrics: ReturnType<typeof createStreamMetrics>): Observer {
  return {
    committed(draft, durationMs, inputs) {
      metrics.committed(draft, durationMs, inputs);
      for (const { code, reason, record } of draft.parked) {
        const { topic, partition, offset, headers } = record;
        logger.warn({ code, reason, topic, partition, offset, correlationId: headers['correlationid']?.toString() }, 'a record was parked');
      }
      if (logger.isLevelEnabled('debug')) logEvents(logger, draft);
    },
    jobEnded(kind, outcome, durationMs, job, end) {
      metrics.jobEnded(kind, outcome, durationMs);
      const { id, attempt, correlationId } = job;
      const line = { job: id, kind, attempt: attempt + 1, correlationId, durationMs };
      if (end?.ok === false) logger.warn({ ...line, code: end.code, reason: end.reason, final: end.final }, 'a job failed');
      else logger.debug(line, `a job is ${outcome}`);
    },
    jobAbandoned({ id, kind, host, correlationId }) {
      metrics.fault('JOB_ABANDONED');
      logger.warn({ code: 'JOB_ABANDONED', job: id, kind, host, correlationId }, 'a job goes on long after its end');
    },
    assigned(partitions) {
      metrics.assigned(partitions);
      logger.info({ partitions }, 'assigned');
    },
    role(partition, isLive) {
      metrics.role(partition, isLive);
      logger.info({ partition, isLive }, isLive ? 'live: its events go out' : 'follows the live version');
    },
    restored({ topic, partition, from, at, to }) {
      logger[at === to ? 'info' : 'debug']({ topic, partition, from, at, to }, 'restoring');
    },
    fault(error) {
      const code = error instanceof StreamError ? error.code : 'UNKNOWN';
      metrics.fault(code);
      logger.warn({ code, err: error }, 'recovering');
    },
  };
}

function logEvents(logger: Logger, draft: Draft): void {
  for (const { topic, headers } of draft.records) {
    if (!headers['ce_id']) continue;
    const text = (name: string): string | undefined => headers[name]?.toString();
    logger.debug(
      { topic, eventId: text('ce_id'), type: text('ce_type'), subject: text('ce_subject'), correlationId: text('correlationid') },
      'emitted',
    );
  }
}
