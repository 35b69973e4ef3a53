import { fork } from 'node:child_process';
import { once } from 'node:events';
import { closeSync, openSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { appEnvironment } from '../../infra/local/paths.ts';
import type { AppConfig, AppProgress, FromApp, ToApp } from './app-messages.ts';
import type { Profile } from './profile.ts';
import { usageOf, type Usage } from './usage.ts';

/** One process of `stream-app.ts`. */
export type AppProcess = {
  readonly pid: number;
  readonly progress: () => AppProgress;
  /** Everything it has told so far but its progress, in order. */
  readonly told: readonly FromApp[];
  tell(message: ToApp): void;
  /**
   * Asks until there is an answer: at once and after everything that the app tells.
   * @throws Error with the end of the app's log when the app ends before, or has not answered for so long that it never will
   */
  until<T>(find: () => T | undefined): Promise<T>;
  /** @throws Error with the end of the app's log */
  throwIfEnded(): void;
  profile(): Promise<Profile>;
  usage(): Usage;
  /** SIGKILL. */
  kill(): Promise<void>;
  stop(): Promise<void>;
};

/** Longer than a million records take on two busy cores. */
const answerMsMax = 5 * 60_000;

const nothing: AppProgress = { inputs: 0, transactions: 0, firstMs: 0, lastMs: 0 };

/** Resolves once the app has its schemas and connections' settings; it reads nothing before it is told to start. */
export async function startApp(config: AppConfig): Promise<AppProcess> {
  const logPath = `${config.stateDir}.log`;
  const output = openSync(logPath, 'a');
  const child = fork(join(import.meta.dirname, 'stream-app.ts'), [JSON.stringify(config)], {
    env: { ...process.env, ...appEnvironment },
    stdio: ['ignore', output, output, 'ipc'],
  });
  closeSync(output);
  const told: FromApp[] = [];
  const asking = new Set<() => void>();
  let progress = nothing;
  let hasEnded = false;
  const wake = (): void => asking.forEach((ask) => ask());
  child.on('message', (message: FromApp) => {
    if (message.is === 'progress') progress = message;
    else told.push(message);
    wake();
  });
  const ended = once(child, 'exit').then(() => {
    hasEnded = true;
    wake();
  });

  const failure = (what: string): Error =>
    new Error(`${config.instance} ${what}; the end of its log:\n${readFileSync(logPath, 'utf8').slice(-2_000)}`);
  const until = async <T>(find: () => T | undefined): Promise<T> => {
    const { promise, resolve, reject } = Promise.withResolvers<T>();
    const ask = (): void => {
      const found = find();
      if (found !== undefined) resolve(found);
      else if (hasEnded) reject(failure('has ended'));
    };
    asking.add(ask);
    const late = setTimeout(() => reject(failure(`has not answered for ${answerMsMax / 1_000} s`)), answerMsMax).unref();
    ask();
    return promise.finally(() => {
      clearTimeout(late);
      asking.delete(ask);
    });
  };
  const tell = (message: ToApp): void => void child.send(message);
  const app: AppProcess = {
    ...{ pid: child.pid!, told, until, tell },
    progress: () => progress,
    throwIfEnded() {
      if (hasEnded) throw failure('has ended');
    },
    async profile() {
      tell({ do: 'profile', on: false });
      return until(() => told.find((message) => message.is === 'profiled')?.profile);
    },
    usage: () => usageOf(child.pid!),
    async kill() {
      child.kill('SIGKILL');
      await ended;
    },
    async stop() {
      if (child.connected) tell({ do: 'stop' });
      const late = setTimeout(() => child.kill('SIGKILL'), 20_000);
      await ended;
      clearTimeout(late);
    },
  };
  await until(() => told.find((message) => message.is === 'booted'));
  return app;
}
