// Brokers that are meant to be broken: one, or three that hold every topic three times, each with a proxy of its own before it.
import { randomBytes } from 'node:crypto';
import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { execa } from 'execa';
import { kafkaSettings, renderProperties } from '../../infra/local/kafka.properties.ts';
import { start, untilReady, type Launch, type Running } from '../../infra/local/launch.ts';
import { pickPorts } from '../../infra/local/ports.ts';
import { signalGroup, identify } from '../../infra/local/process.ts';
import { ensureKafka } from '../../infra/local/tools.ts';
import { startTcpProxy, type TcpProxy } from './tcp-proxy.ts';

export type Broker = {
  readonly proxy: TcpProxy;
  /** Starts it on its data and waits until it serves. */
  start(): Promise<void>;
  /** SIGTERM: it hands its partitions over. */
  stop(): Promise<void>;
  /** SIGKILL. */
  kill(): Promise<void>;
  /** SIGSTOP and SIGCONT: it keeps its connections and says nothing. */
  freeze(): void;
  thaw(): void;
};

export type Brokers = {
  readonly all: readonly Broker[];
  readonly replication: number;
  /** host:port of each, by the listener that no fault is put at. */
  readonly direct: readonly string[];
  /** The same through the proxies; what a client learns there are the proxies' ports again. */
  readonly proxied: readonly string[];
  stop(): Promise<void>;
};

export type BrokersOptions = {
  readonly dir: string;
  /** Three vote on the controller too, so that any one of them may go. */
  readonly count: 1 | 3;
  readonly settings?: Readonly<Record<string, string | number>>;
};

type Ports = { readonly direct: number; readonly behindProxy: number; readonly proxy: number; readonly controller: number };

export async function startBrokers({ dir, count, settings = {} }: BrokersOptions): Promise<Brokers> {
  const libDir = await ensureKafka();
  const picked = await pickPorts(count * 4);
  const ports = Array.from({ length: count }, (_, index): Ports => {
    const [direct, behindProxy, proxy, controller] = picked.slice(index * 4, index * 4 + 4) as [number, number, number, number];
    return { direct, behindProxy, proxy, controller };
  });
  const clusterId = `w${randomBytes(16).toString('base64url').slice(1)}`; // 16 bytes in base64url, without a dash at the start.
  const launches = ports.map((_, index) => launchOf({ dir, libDir, ports, index, settings }));
  await Promise.all(launches.map((launch) => format(launch, libDir, clusterId)));
  const all = await Promise.all(launches.map((launch, index) => brokerOf(launch, ports[index]!)));
  const stop = async (): Promise<void> => {
    await Promise.all(all.map((broker) => broker.kill())); // Their data goes too: there is nothing to hand over.
    await Promise.all(all.map(({ proxy }) => proxy.close()));
  };
  try {
    await Promise.all(all.map((broker) => broker.start()));
  } catch (error) {
    await stop();
    throw error;
  }
  const on = (port: number): string => `127.0.0.1:${port}`;
  return { all, replication: count, direct: ports.map(({ direct }) => on(direct)), proxied: ports.map(({ proxy }) => on(proxy)), stop };
}

type LaunchOptions = {
  readonly dir: string;
  readonly libDir: string;
  readonly ports: readonly Ports[];
  readonly index: number;
  readonly settings: Readonly<Record<string, string | number>>;
};

function launchOf({ dir, libDir, ports, index, settings }: LaunchOptions): Launch {
  const { direct, behindProxy, proxy, controller } = ports[index]!;
  const home = join(dir, `broker-${index + 1}`);
  mkdirSync(home, { recursive: true });
  const inSync = Math.max(1, ports.length - 1);
  // One controller is found by its address, three by a list that does not change.
  const { 'controller.quorum.bootstrap.servers': _, ...base } = kafkaSettings(join(home, 'log'), {
    port: direct,
    controllerPort: controller,
  });
  const on = (name: string, port: number): string => `${name}://127.0.0.1:${port}`;
  const properties = {
    ...base,
    'node.id': index + 1,
    'controller.quorum.voters': ports.map((other, node) => `${node + 1}@127.0.0.1:${other.controller}`).join(','),
    listeners: [on('PLAINTEXT', direct), on('PROXIED', behindProxy), on('CONTROLLER', controller)].join(','),
    'advertised.listeners': [on('PLAINTEXT', direct), on('PROXIED', proxy), on('CONTROLLER', controller)].join(','),
    'listener.security.protocol.map': 'PLAINTEXT:PLAINTEXT,PROXIED:PLAINTEXT,CONTROLLER:PLAINTEXT',
    'inter.broker.listener.name': 'PLAINTEXT',
    'default.replication.factor': ports.length,
    'min.insync.replicas': inSync,
    'offsets.topic.replication.factor': ports.length,
    'transaction.state.log.replication.factor': ports.length,
    'transaction.state.log.min.isr': inSync,
    'share.coordinator.state.topic.replication.factor': ports.length,
    'share.coordinator.state.topic.min.isr': inSync,
    ...settings,
  };
  const propertiesPath = join(home, 'server.properties');
  writeFileSync(propertiesPath, renderProperties(properties));
  return {
    name: `broker-${index + 1}`,
    command: 'java',
    args: [
      ...['-Xms128m', '-Xmx512m', '-XX:+UseSerialGC', '-Djava.awt.headless=true'],
      `-Dlog4j2.configurationFile=${join(import.meta.dirname, '../../infra/local/log4j2.properties')}`,
      ...['-cp', join(libDir, '*'), 'kafka.Kafka', propertiesPath],
    ],
    env: {},
    cwd: home,
    logPath: join(home, 'broker.log'),
    pidPath: join(home, 'broker.pid'),
    address: `127.0.0.1:${direct}`,
    probe: { kind: 'kafka', port: direct },
    readyTimeoutMs: 120_000,
    stopGraceMs: 60_000,
  };
}

async function format({ cwd }: Launch, libDir: string, clusterId: string): Promise<void> {
  const tool = ['-Xmx128m', '-XX:TieredStopAtLevel=1', '-cp', join(libDir, '*'), 'kafka.tools.StorageTool'];
  await execa('java', [...tool, 'format', '-t', clusterId, '-c', join(cwd!, 'server.properties')], { timeout: 120_000 });
}

async function brokerOf(launch: Launch, ports: Ports): Promise<Broker> {
  const proxy = await startTcpProxy({ port: ports.proxy, targetPort: ports.behindProxy });
  let running: Running | undefined;
  const signal = (name: 'SIGSTOP' | 'SIGCONT'): void => {
    const identity = running && identify(running.pid);
    if (identity) signalGroup(identity, name);
  };
  return {
    proxy,
    async start() {
      running = await start(launch);
      await untilReady(launch, running.pid);
    },
    async stop() {
      await running?.stop();
      running = undefined;
    },
    async kill() {
      await running?.kill();
      running = undefined;
    },
    freeze: () => signal('SIGSTOP'),
    thaw: () => signal('SIGCONT'),
  };
}
