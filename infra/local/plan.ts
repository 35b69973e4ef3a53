import { join, resolve } from 'node:path';
import { prepareKafka } from './kafka.ts';
import type { Launch } from './launch.ts';
import { prepareOciRegistry } from './oci-registry.ts';
import { appEnvironment, nodeFlagsOf, repositoryRoot } from './paths.ts';
import { prepareSchemaRegistry } from './schema-registry.ts';
import { ensureWebhookSecrets } from './secrets.ts';
import type { AppName, StackPorts } from './stack-ports.ts';
import type { Part } from './supervisor.ts';
import type { Progress } from './tools.ts';

export type PlanOptions = {
  /** Everything that the stack writes lies below it. */
  readonly home: string;
  readonly ports: StackPorts;
  readonly apps: readonly AppName[];
  readonly configDir: string;
  /** For the apps, over what the plan sets itself. */
  readonly env: Readonly<Record<string, string>>;
  /** What runs elsewhere and is not to be started. */
  readonly elsewhere?: Elsewhere;
  /** Where the gateway listens: loopback, unless registries in containers must reach it. */
  readonly gatewayHost?: string | undefined;
  readonly onProgress?: Progress;
};

export type Elsewhere = { readonly [Part in 'brokers' | 'schemaRegistryUrl' | 'registryA' | 'registryB']?: string | undefined };

export type Addresses = {
  readonly brokers: string;
  readonly schemaRegistryUrl: string;
  readonly gatewayUrl: string;
  readonly apiUrl: string;
  /** host:port */
  readonly registryA: string;
  readonly registryB: string;
};

export type Plan = { readonly home: string; readonly addresses: Addresses; readonly parts: readonly Part[] };

export const secretsDirOf = (home: string): string => join(home, 'secrets');
export const logPathOf = (home: string, name: string): string => join(home, 'logs', `${name}.log`);

/** Phases: they start in this order and stop in the opposite one, so the gateway takes no more before the others drain. */
const phase = { kafka: 0, schemaRegistry: 1, registries: 2, deploy: 3, apps: 4, gateway: 5 } as const;

/**
 * Brings what is missing, writes configuration and secrets, and says what is to run. Nothing runs yet.
 * @throws InfraError `DOWNLOAD_FAILED`, or `NOT_READY` when Kafka's data could not be formatted
 */
export async function planStack(options: PlanOptions): Promise<Plan> {
  const home = resolve(options.home);
  const { ports, elsewhere = {}, gatewayHost = '127.0.0.1' } = options;
  const addresses: Addresses = {
    brokers: elsewhere.brokers ?? `127.0.0.1:${ports.kafka}`,
    schemaRegistryUrl: elsewhere.schemaRegistryUrl ?? `http://127.0.0.1:${ports.schemaRegistry}/apis/ccompat/v7`,
    gatewayUrl: `http://${gatewayHost}:${ports.gateway}`,
    apiUrl: `http://127.0.0.1:${ports.api}`,
    registryA: elsewhere.registryA ?? `127.0.0.1:${ports.registryA}`,
    registryB: elsewhere.registryB ?? `127.0.0.1:${ports.registryB}`,
  };
  const parts = [...(await infrastructure(home, addresses, options)), ...ours(home, addresses, options)];
  return { home, addresses, parts };
}

async function infrastructure(home: string, addresses: Addresses, options: PlanOptions): Promise<readonly Part[]> {
  const { ports, onProgress, elsewhere = {} } = options;
  const parts: Part[] = [];
  const common = (name: string) => ({
    dataDir: join(home, 'data', name),
    logPath: logPathOf(home, name),
    ...(onProgress === undefined ? {} : { onProgress }),
  });
  if (elsewhere.brokers === undefined) {
    const launch = await prepareKafka({ ...common('kafka'), port: ports.kafka, controllerPort: ports.kafkaController });
    parts.push({ launch, phase: phase.kafka, mode: 'serve' });
  }
  if (elsewhere.schemaRegistryUrl === undefined) {
    const { brokers } = addresses;
    const launch = await prepareSchemaRegistry({ ...common('schema-registry'), brokers, port: ports.schemaRegistry });
    parts.push({ launch, phase: phase.schemaRegistry, mode: 'serve' });
  }
  const secrets = ensureWebhookSecrets(secretsDirOf(home));
  const notifications = {
    url: `${addresses.gatewayUrl}/v1/webhooks/distribution`,
    headers: { Authorization: `Bearer ${secrets.distribution}` },
  };
  // Only A tells the gateway: what Waybill itself copies into B is no news.
  if (elsewhere.registryA === undefined) {
    const launch = await prepareOciRegistry({ ...common('registry-a'), name: 'registry-a', port: ports.registryA, notifications });
    parts.push({ launch, phase: phase.registries, mode: 'serve' });
  }
  if (elsewhere.registryB === undefined) {
    const launch = await prepareOciRegistry({ ...common('registry-b'), name: 'registry-b', port: ports.registryB });
    parts.push({ launch, phase: phase.registries, mode: 'serve' });
  }
  return parts;
}

/** Our own processes: the deploy step, then the apps. */
function ours(home: string, addresses: Addresses, options: PlanOptions): readonly Part[] {
  if (options.apps.length === 0) return [];
  const env = {
    KAFKA_BROKERS: addresses.brokers,
    SCHEMA_REGISTRY_URL: addresses.schemaRegistryUrl,
    CONFIG_DIR: resolve(options.configDir),
    SECRETS_DIR: secretsDirOf(home),
    REGISTRY_A_HOST: addresses.registryA,
    REGISTRY_B_HOST: addresses.registryB,
    WAYBILL_API: addresses.apiUrl,
    OPS_URLS: appsWithJobs
      .filter((app) => options.apps.includes(app))
      .map((app) => opsUrl(options.ports, app))
      .join(','),
    LOG_LEVEL: 'info',
    ...options.env,
  };
  const deploy = nodeLaunch(home, 'deploy', ['apps/cli/src/main.ts', 'deploy'], env, { address: '', readyTimeoutMs: 60_000 });
  const apps = options.apps.map((app): Part => ({
    launch: appLaunch(home, app, env, options),
    phase: app === 'gateway' ? phase.gateway : phase.apps,
    mode: 'serve',
  }));
  return [{ launch: deploy, phase: phase.deploy, mode: 'once' }, ...apps];
}

/** What `status` asks for open circuits. */
const appsWithJobs: readonly AppName[] = ['inspector', 'scanner', 'replicator'];
const opsUrl = (ports: StackPorts, app: AppName): string => `http://127.0.0.1:${ports.ops[app]}`;

function appLaunch(home: string, app: AppName, env: Readonly<Record<string, string>>, { ports, gatewayHost }: PlanOptions): Launch {
  const ops = opsUrl(ports, app);
  const httpPort = app === 'gateway' ? ports.gateway : app === 'api' ? ports.api : undefined;
  const appEnv = {
    ...env,
    STATE_DIR: join(home, 'data', app),
    OPS_PORT: String(ports.ops[app]),
    ...(httpPort === undefined ? {} : { HTTP_PORT: String(httpPort) }),
    ...(app === 'gateway' ? { SPOOL_DIR: join(home, 'data', app, 'spool') } : {}),
    ...(app === 'gateway' && gatewayHost !== undefined ? { HTTP_HOST: gatewayHost } : {}),
  };
  const address = httpPort === undefined ? ops : `http://127.0.0.1:${httpPort}`;
  const launch = nodeLaunch(home, app, [...nodeFlagsOf(app), `apps/${app}/src/main.ts`], appEnv, { address, readyTimeoutMs: 60_000 });
  return { ...launch, probe: { kind: 'http', url: `${ops}/readyz` } };
}

function nodeLaunch(
  home: string,
  name: string,
  args: readonly string[],
  env: Readonly<Record<string, string>>,
  { address, readyTimeoutMs }: Pick<Launch, 'address' | 'readyTimeoutMs'>,
): Launch {
  return {
    name,
    command: process.execPath,
    args,
    env: { ...appEnvironment, ...env },
    cwd: repositoryRoot,
    logPath: logPathOf(home, name),
    pidPath: join(home, 'data', `${name}.pid`),
    address,
    probe: { kind: 'tcp', port: 0 },
    readyTimeoutMs,
    stopGraceMs: 30_000, // Above the 25 s that an app gives itself.
  };
}
