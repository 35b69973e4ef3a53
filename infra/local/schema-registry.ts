import { mkdirSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { startReady, type Handle, type Launch } from './launch.ts';
import { portOrFree } from './ports.ts';
import { ensureApicurio, type Progress } from './tools.ts';

export type SchemaRegistryOptions = {
  /** Kafka is its storage; this directory holds the pid file and temporary files alone. */
  readonly dataDir: string;
  readonly brokers: string;
  /** 0 picks a free one. */
  readonly port: number;
  readonly logPath: string;
  readonly readyTimeoutMs?: number;
  readonly onProgress?: Progress;
};

export type SchemaRegistry = Handle & { readonly url: string };

/** Apicurio Registry with its storage in Kafka and Confluent's API at `/apis/ccompat/v7`. @throws InfraError `DOWNLOAD_FAILED` */
export async function prepareSchemaRegistry(options: SchemaRegistryOptions): Promise<Launch> {
  const appDir = await ensureApicurio(options.onProgress === undefined ? {} : { onProgress: options.onProgress });
  const dataDir = resolve(options.dataDir);
  const port = await portOrFree(options.port);
  const url = `http://127.0.0.1:${port}/apis/ccompat/v7`;
  mkdirSync(dataDir, { recursive: true });
  return {
    name: 'schema-registry',
    command: 'java',
    args: [
      ...['-Xms64m', '-Xmx256m', '-XX:+UseSerialGC', '-XX:TieredStopAtLevel=1', `-Djava.io.tmpdir=${dataDir}`],
      ...['-jar', join(appDir, 'apicurio-registry-app-3.0.9-runner.jar')],
    ],
    env: {
      APICURIO_STORAGE_KIND: 'kafkasql',
      APICURIO_KAFKASQL_BOOTSTRAP_SERVERS: options.brokers,
      // At start it waits so long (5 s unless given) for a snapshot that mostly is not there. One that is missed is no loss: its
      // journal is kept for ever and read from the beginning.
      APICURIO_KAFKASQL_CONSUMER_POLL_TIMEOUT: '500',
      QUARKUS_HTTP_HOST: '127.0.0.1',
      QUARKUS_HTTP_PORT: String(port),
    },
    cwd: dataDir,
    logPath: resolve(options.logPath),
    pidPath: join(dataDir, 'schema-registry.pid'),
    address: url,
    probe: { kind: 'http', url: `${url}/subjects` },
    readyTimeoutMs: options.readyTimeoutMs ?? 90_000,
    stopGraceMs: 10_000,
  };
}

/** @throws InfraError `NOT_READY` with the last log lines, `DOWNLOAD_FAILED` */
export async function startSchemaRegistry(options: SchemaRegistryOptions): Promise<SchemaRegistry> {
  const launch = await prepareSchemaRegistry(options);
  const { pid, stop, kill } = await startReady(launch);
  return { url: launch.address, pid, stop, kill };
}
