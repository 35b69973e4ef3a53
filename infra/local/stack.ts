import { cpSync, existsSync, readFileSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { repositoryRoot } from './paths.ts';
import { logPathOf, planStack, secretsDirOf, type Addresses } from './plan.ts';
import { appNames, freePorts, type AppName, type StackPorts } from './stack-ports.ts';
import type { PartState } from './supervised-part.ts';
import { Supervisor } from './supervisor.ts';
import type { Progress } from './tools.ts';

export type StackOptions = {
  /** A temporary directory: data, logs, secrets and a configuration of its own lie below it. */
  readonly dir: string;
  /** All, none, or these; with none there is no deploy step either. */
  readonly apps?: boolean | readonly AppName[];
  /** For the apps. */
  readonly env?: Readonly<Record<string, string>>;
  readonly onProgress?: Progress;
};

export type StackPart = AppName | 'kafka' | 'schema-registry' | 'registry-a' | 'registry-b';

export type Stack = Addresses & {
  readonly dir: string;
  /** A copy of `config/`, to be changed at will before an app reads it. */
  readonly configDir: string;
  readonly secretsDir: string;
  readonly ports: StackPorts;
  readonly states: () => readonly PartState[];
  /** /livez, /readyz and /metrics of an app. */
  readonly opsUrl: (app: AppName) => string;
  /** SIGKILL; the supervisor brings it back after its delay. */
  readonly kill: (part: StackPart) => Promise<void>;
  /** SIGKILL, and it stays away until `release`. */
  readonly hold: (part: StackPart) => Promise<void>;
  readonly release: (part: StackPart) => void;
  /** Kills the broker and waits until it serves again on the same data and port. */
  readonly restartBroker: () => Promise<void>;
  /** Waits until the part is in service. @throws Error after the time, with the end of its log */
  readonly ready: (part: StackPart, timeoutMs?: number) => Promise<void>;
  readonly logs: (part: StackPart | 'deploy') => string;
  /** Leaves no process; the directory is the caller's. */
  readonly stop: () => Promise<void>;
};

/**
 * The whole of Waybill on free ports, for tests: the processes, the plan and the supervisor of `npm start`, in this process.
 * @throws InfraError when a part does not come up; nothing is left running then
 */
export async function startStack(options: StackOptions): Promise<Stack> {
  const dir = resolve(options.dir);
  const configDir = join(dir, 'config');
  if (!existsSync(configDir)) cpSync(join(repositoryRoot, 'config'), configDir, { recursive: true });
  const ports = await freePorts();
  const { apps = true, env = {}, onProgress } = options;
  const plan = await planStack({
    home: dir,
    ports,
    apps: apps === true ? appNames : apps === false ? [] : apps,
    configDir,
    env,
    ...(onProgress === undefined ? {} : { onProgress }),
  });
  const supervisor = new Supervisor(plan.parts);
  try {
    await supervisor.start();
  } catch (error) {
    await supervisor.stop();
    throw error;
  }
  const ready: Stack['ready'] = (part, timeoutMs) => supervisor.part(part).ready(timeoutMs);
  return {
    ...plan.addresses,
    dir,
    configDir,
    ports,
    ready,
    secretsDir: secretsDirOf(dir),
    states: () => supervisor.states(),
    opsUrl: (app) => `http://127.0.0.1:${ports.ops[app]}`,
    kill: (part) => supervisor.part(part).kill(),
    hold: (part) => supervisor.part(part).hold(),
    release: (part) => supervisor.part(part).release(),
    restartBroker: async () => {
      await supervisor.part('kafka').kill();
      await ready('kafka');
    },
    logs: (part) => readFileSync(logPathOf(dir, part), { encoding: 'utf8', flag: 'a+' }),
    stop: () => supervisor.stop(),
  };
}
