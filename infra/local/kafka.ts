import { randomBytes } from 'node:crypto';
import { existsSync, mkdirSync, rmSync, writeFileSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { execa } from 'execa';
import { InfraError } from './errors.ts';
import { kafkaSettings, renderProperties } from './kafka.properties.ts';
import { startReady, type Handle, type Launch } from './launch.ts';
import { portOrFree } from './ports.ts';
import { writeFileAtomic } from './process.ts';
import { ensureKafka, type Progress } from './tools.ts';

export type KafkaOptions = {
  /** Formatted on the first start, kept from then on. */
  readonly dataDir: string;
  /** 0 picks a free one. */
  readonly port: number;
  /** Of the KRaft controller; a free one unless given. */
  readonly controllerPort?: number;
  readonly logPath: string;
  readonly readyTimeoutMs?: number;
  readonly onProgress?: Progress;
  /** Beside or in place of those of `kafka.properties.ts`. */
  readonly settings?: Readonly<Record<string, string | number>>;
};

export type Kafka = Handle & { readonly brokers: string; readonly port: number };

/** Java finds the jars by the wildcard itself, so the command line stays short. */
const classPath = (libDir: string): string => join(libDir, '*');

/**
 * Brings Kafka's jars if need be, formats the data directory on first use, writes `server.properties`.
 * @throws InfraError `DOWNLOAD_FAILED`, or `NOT_READY` when formatting failed
 */
export async function prepareKafka(options: KafkaOptions): Promise<Launch> {
  const libDir = await ensureKafka(options.onProgress === undefined ? {} : { onProgress: options.onProgress });
  const dataDir = resolve(options.dataDir);
  const port = await portOrFree(options.port);
  const controllerPort = await portOrFree(options.controllerPort ?? 0);
  const propertiesPath = join(dataDir, 'server.properties');
  mkdirSync(dataDir, { recursive: true });
  writeFileAtomic(
    propertiesPath,
    renderProperties({ ...kafkaSettings(join(dataDir, 'log'), { port, controllerPort }), ...options.settings }),
  );
  await formatOnce(libDir, dataDir, propertiesPath);
  return {
    name: 'kafka',
    command: 'java',
    args: [
      ...['-Xms128m', '-Xmx512m', '-XX:+UseSerialGC', '-Djava.awt.headless=true'],
      `-Dlog4j2.configurationFile=${join(import.meta.dirname, 'log4j2.properties')}`,
      ...['-cp', classPath(libDir), 'kafka.Kafka', propertiesPath],
    ],
    env: {},
    cwd: dataDir,
    logPath: resolve(options.logPath),
    pidPath: join(dataDir, 'kafka.pid'),
    address: `127.0.0.1:${port}`,
    probe: { kind: 'kafka', port },
    readyTimeoutMs: options.readyTimeoutMs ?? 90_000,
    stopGraceMs: 20_000,
  };
}

/** Kafka never ran on a directory without our mark, so what a broken format left there may go. */
async function formatOnce(libDir: string, dataDir: string, propertiesPath: string): Promise<void> {
  const markPath = join(dataDir, 'formatted');
  if (existsSync(markPath)) return;
  rmSync(join(dataDir, 'log'), { recursive: true, force: true });
  // A Kafka id is 16 bytes in base64url and never starts with a dash.
  const clusterId = `w${randomBytes(16).toString('base64url').slice(1)}`;
  const tool = ['-Xmx128m', '-XX:TieredStopAtLevel=1', '-cp', classPath(libDir), 'kafka.tools.StorageTool'];
  const format = ['format', '--standalone', '-t', clusterId, '-c', propertiesPath];
  const result = await execa('java', [...tool, ...format], { all: true, reject: false, timeout: 60_000 });
  if (result.failed)
    throw new InfraError('NOT_READY', `Kafka's data directory ${dataDir} could not be formatted:\n${result.all ?? result.shortMessage}`);
  writeFileSync(markPath, `${clusterId}\n`);
}

/**
 * A single KRaft broker on loopback, ready for topics.
 * @throws InfraError `DATA_IN_USE` when a broker lives on this data, `NOT_READY` with the last log lines, `DOWNLOAD_FAILED`
 */
export async function startKafka(options: KafkaOptions): Promise<Kafka> {
  const launch = await prepareKafka(options);
  const { pid, stop, kill } = await startReady(launch);
  return { brokers: launch.address, port: Number(launch.address.split(':')[1]), pid, stop, kill };
}
