import { mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { topics, type Topic } from '@waybill/domain';
import { startReady, type Launch, type Probe, type Running } from '../../infra/local/launch.ts';
import { appEnvironment, nodeFlagsOf, repositoryRoot } from '../../infra/local/paths.ts';
import { pickPorts } from '../../infra/local/ports.ts';
import type { Cluster } from './cluster.ts';
import { ensureGoProgram, ingestDir } from './go-program.ts';
import { topic } from './topology.ts';

/** What takes webhooks and answers once they are in the log. */
export type Receiver = {
  readonly name: string;
  readonly addresses: readonly string[];
  readonly path: string;
  /** File with the secret that signs the load. */
  readonly secretPath: string;
  readonly pids: readonly number[];
  /** Each acknowledged push is a record in each of them. */
  readonly topics: readonly Topic[];
  readonly logTail: () => string;
  readonly signal: (name: NodeJS.Signals) => void;
  readonly stop: () => Promise<void>;
};

export const secretHeader = 'X-Signature';
/** Signs nothing but the load of the bench, on loopback. */
const secret = 'signs-the-load-of-the-bench';
const peerTopic = topic('bench.ingest', 'event', []);

const program = (name: string): string => join(repositoryRoot, 'apps', name, 'src/main.ts');
let startedCount = 0;

type Process = {
  readonly name: string;
  readonly command: string;
  readonly args: readonly string[];
  readonly env?: Readonly<Record<string, string>>;
  readonly probe: Probe;
};

/** Starts the processes of one receiver; when one fails, none is left. */
async function startAll(cluster: Cluster, processes: readonly Process[]): Promise<readonly Running[]> {
  const running: Running[] = [];
  try {
    for (const { name, command, args, env = {}, probe } of processes) {
      const pidPath = join(cluster.dir, `${name}.pid`);
      const logPath = join(cluster.dir, `${name}.log`);
      rmSync(logPath, { force: true }); // A line per request: files of earlier runs would fill the disk.
      const launch: Launch = {
        name,
        command,
        args,
        env,
        logPath,
        pidPath,
        address: '',
        probe,
        readyTimeoutMs: 60_000,
        stopGraceMs: 20_000,
      };
      running.push(await startReady(launch));
    }
    return running;
  } catch (error) {
    await Promise.all(running.map(({ kill }) => kill()));
    throw error;
  }
}

type Where = Pick<Receiver, 'name' | 'addresses' | 'path' | 'topics'>;

async function start(cluster: Cluster, where: Where, processes: readonly Process[]): Promise<Receiver> {
  const secretPath = writeSources(cluster.dir);
  const running = await startAll(cluster, processes);
  return {
    ...where,
    secretPath,
    pids: running.map(({ pid }) => pid),
    logTail: () => processes.map(({ name }) => readFileSync(join(cluster.dir, `${name}.log`), 'utf8').slice(-2_000)).join('\n'),
    signal: (name) => running.forEach(({ pid }) => process.kill(pid, name)),
    stop: async () => void (await Promise.all(running.map((one) => one.stop()))),
  };
}

/** A process that listens on one port and takes pushes at `/ingest`. */
async function startPeer(
  cluster: Cluster,
  name: string,
  process: (address: string) => Pick<Process, 'command' | 'args' | 'env'>,
  topics: readonly Topic[] = [peerTopic],
): Promise<Receiver> {
  await cluster.createTopics([peerTopic]);
  const [port] = await pickPorts(1);
  const address = `127.0.0.1:${port}`;
  const where = { name, addresses: [address], path: '/ingest', topics };
  return start(cluster, where, [{ name: `receiver-${++startedCount}`, probe: { kind: 'tcp', port: port! }, ...process(address) }]);
}

export const startGo = async (cluster: Cluster): Promise<Receiver> => {
  const command = await ensureGoProgram('franz');
  const { brokers } = cluster;
  return startPeer(cluster, 'Go', (address) => ({
    command,
    args: [`-address=${address}`, `-brokers=${brokers}`, `-topic=${peerTopic.name}`],
  }));
};

export const startBenthos = async (cluster: Cluster): Promise<Receiver> => {
  const command = await ensureGoProgram('benthos');
  return startPeer(cluster, 'Benthos', (address) => ({
    command,
    args: ['-c', join(ingestDir, 'benthos/benthos.yaml')],
    env: { ADDRESS: address, BROKERS: cluster.brokers, TOPIC: peerTopic.name },
  }));
};

const fastifyProcess = (cluster: Cluster, address: string, ...topic: readonly string[]): Pick<Process, 'command' | 'args'> => ({
  command: process.execPath,
  args: [join(ingestDir, 'fastify.ts'), address, cluster.brokers, ...topic],
});

export const startFastify = (cluster: Cluster): Promise<Receiver> =>
  startPeer(cluster, 'Fastify', (address) => fastifyProcess(cluster, address, peerTopic.name));

/** Answers at once and keeps nothing: what Node and Fastify can do at all. */
export const startBareFastify = (cluster: Cluster): Promise<Receiver> =>
  startPeer(cluster, 'Fastify', (address) => fastifyProcess(cluster, address), []);

export type GatewayOptions = {
  readonly instances: number;
  /** Loads `gateway-profile.ts`, which samples between two SIGWINCH. */
  readonly profilePath?: string;
};

/** The gateway as `npm start` runs it, with an endpoint that asks for a signature. */
export async function startGateway(cluster: Cluster, { instances, profilePath }: GatewayOptions): Promise<Receiver> {
  const configDir = join(cluster.dir, 'config');
  writeSources(cluster.dir);
  const ports = await pickPorts(2 * instances);
  const httpPorts = ports.slice(0, instances);
  const processes = httpPorts.map((port, index): Process => {
    const opsPort = ports[instances + index]!;
    const name = `receiver-${++startedCount}`;
    const profile = profilePath === undefined ? [] : ['--import', join(import.meta.dirname, 'gateway-profile.ts')];
    return {
      name,
      command: process.execPath,
      args: [...profile, ...nodeFlagsOf('gateway'), program('gateway')],
      env: {
        ...appEnvironment,
        ...{ HTTP_PORT: String(port), OPS_PORT: String(opsPort), KAFKA_BROKERS: cluster.brokers, CONFIG_DIR: configDir },
        ...{ SCHEMA_REGISTRY_URL: cluster.registryUrl, SECRETS_DIR: cluster.dir, ...(profilePath && { BENCH_PROFILE: profilePath }) },
      },
      probe: { kind: 'http', url: `http://127.0.0.1:${opsPort}/readyz` },
    };
  });
  const addresses = httpPorts.map((port) => `127.0.0.1:${port}`);
  const where = { name: 'gateway', addresses, path: '/v1/webhooks/bench', topics: [topics.deliveries, topics.imageEvents] };
  return start(cluster, where, processes);
}

/** Writes `config/sources.yaml` with one endpoint, `bench`, and its secret. @returns the secret's file */
export function writeSources(dir: string): string {
  const secretPath = join(dir, 'bench.secret');
  mkdirSync(join(dir, 'config'), { recursive: true });
  writeFileSync(secretPath, secret);
  writeFileSync(join(dir, 'config/sources.yaml'), sourcesYaml);
  return secretPath;
}

const sourcesYaml = `sources:
  - name: bench
    kind: harbor
    auth: { scheme: hmac-sha256, header: ${secretHeader}, prefix: 'sha256=', secretFiles: ['\${SECRETS_DIR}/bench.secret'] }
`;
