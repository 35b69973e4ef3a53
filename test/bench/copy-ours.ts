import { fork } from 'node:child_process';
import { once } from 'node:events';
import { join } from 'node:path';
import { appEnvironment, nodeFlagsOf } from '../../infra/local/paths.ts';
import type { ImageName } from './copy-images.ts';
import type { ProcessFigures, Route } from './copy-peers.ts';
import type { Profile } from './profile.ts';
import { usageOf } from './usage.ts';

export type Order = {
  readonly route: Route;
  readonly images: readonly ImageName[];
  /** All through one copier at the same time, instead of one after the other. */
  readonly isBulk: boolean;
  readonly isProfiled?: boolean;
};
export type Told =
  | { readonly seconds: number; readonly cpuS: number; readonly profile?: Profile; readonly failed?: undefined }
  | { readonly failed: string };

/** A process of ours, with the replicator's flags, that has nothing to do until it is told to copy: its start is in no figure. */
export type OursProcess = {
  /** With connections and a copier of its own each time. @throws Error */
  readonly copy: (order: Order) => Promise<ProcessFigures & { readonly profile?: Profile }>;
  readonly stop: () => Promise<void>;
};

export function startOurs(): OursProcess {
  const child = fork(join(import.meta.dirname, 'copy-ours-main.ts'), {
    ...{ serialization: 'advanced', execArgv: [...nodeFlagsOf('replicator')] },
    env: { ...process.env, ...appEnvironment },
  });
  const ended = once(child, 'exit');
  return {
    async copy(order) {
      child.send(order);
      const told = await Promise.race([once(child, 'message'), ended.then(() => undefined)]);
      const figures = told?.[0] as Told | undefined;
      if (figures === undefined) throw new Error('our process has ended');
      if (figures.failed !== undefined) throw new Error(figures.failed);
      return { ...figures, rssPeakMib: usageOf(child.pid!).rssPeakMib };
    },
    async stop() {
      child.kill('SIGKILL');
      await ended;
    },
  };
}
