// Where the faults happen: brokers behind proxies, a schema registry and every topic, and this process' own undisturbed way to them.
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { topics } from '@waybill/domain';
import { createAppender, createCodec, createEventLog, deploy, type Appender } from '@waybill/kafka';
import type { Codec, EventLog } from '@waybill/stream';
import { startSchemaRegistry } from '../../infra/local/schema-registry.ts';
import { startBrokers, type Brokers, type BrokersOptions } from './brokers.ts';

export type FaultCluster = {
  readonly dir: string;
  readonly brokers: Brokers;
  readonly registryUrl: string;
  readonly log: EventLog;
  readonly codec: Codec;
  readonly appender: Appender;
  /** Fires when the cluster stops. A test that fails leaves behind what it has started: all of that ends with this. */
  readonly stopping: AbortSignal;
  /** Makes the topics that are missing. */
  deploy(): Promise<void>;
  stop(): Promise<void>;
};

export async function startFaultCluster(options: Omit<BrokersOptions, 'dir'>): Promise<FaultCluster> {
  const dir = mkdtempSync(join(tmpdir(), 'waybill-fault-'));
  const brokers = await startBrokers({ ...options, dir });
  const direct = brokers.direct;
  const logPath = join(dir, 'schema-registry.log');
  const registry = await startSchemaRegistry({ dataDir: join(dir, 'registry'), brokers: direct.join(','), port: 0, logPath });
  const { url: registryUrl } = registry;
  const deployAll = (): Promise<void> =>
    deploy({
      ...{ brokers: direct, registryUrl, partitions: 6, replication: brokers.replication },
      onProgress: () => undefined,
    });
  await deployAll();
  const kafka = { brokers: direct, clientId: 'undisturbed', countBy: topics.images.name };
  const log = await createEventLog(kafka);
  const appender = await createAppender({ ...kafka, timeoutMs: 60_000 });
  const stopping = new AbortController();
  return {
    ...{ dir, brokers, registryUrl, log, appender, deploy: deployAll },
    codec: await createCodec({ registryUrl }),
    stopping: stopping.signal,
    async stop() {
      stopping.abort(new Error('the cluster has been stopped'));
      await Promise.all([log.close(), appender.close()]);
      await registry.stop();
      await brokers.stop();
      rmSync(dir, { recursive: true, force: true });
    },
  };
}
