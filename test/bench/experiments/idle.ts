import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdirSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { repositoryRoot } from '../../../infra/local/paths.ts';
import { pickPorts } from '../../../infra/local/ports.ts';
import { boundedRow, type Experiment } from '../bench.ts';
import { usageOf } from '../usage.ts';

/** What a whole app takes that has nothing to do: `dedup` as it is deployed, with all partitions. */
export const idle: Experiment = {
  name: 'idle',
  async run(bench) {
    const { cluster } = bench;
    const [port] = await pickPorts(1);
    const stateDir = join(cluster.dir, 'idle');
    mkdirSync(stateDir);
    const env = {
      ...{ PATH: process.env['PATH'], KAFKA_BROKERS: cluster.brokers, SCHEMA_REGISTRY_URL: cluster.registryUrl },
      ...{ STATE_DIR: stateDir, OPS_PORT: String(port) },
    };
    const app = spawn(process.execPath, [join(repositoryRoot, 'apps/dedup/src/main.ts')], { env, stdio: 'ignore' });
    const ended = once(app, 'exit');
    try {
      await ready(`http://127.0.0.1:${port}/readyz`);
      await sleep(bench.isQuick ? 500 : 10_000); // What a start leaves behind is not idleness.
      const seconds = bench.isQuick ? 1 : 30;
      const before = usageOf(app.pid!);
      await sleep(seconds * 1_000);
      const after = usageOf(app.pid!);
      const percent = (after.cpuMs - before.cpuMs) / (seconds * 10);
      bench.note('idle', 'dedup', { percent, seconds, rssPeakMib: after.rssPeakMib });
      const figures = `${after.cpuMs - before.cpuMs} ms of CPU in ${seconds} s; peak ${Math.round(after.rssPeakMib)} MiB`;
      return [boundedRow('an idle app', percent, { atMost: 1 }, '% of a core', figures)];
    } finally {
      app.kill('SIGTERM');
      await ended;
      rmSync(stateDir, { recursive: true, force: true });
    }
  },
};

/** @throws Error when the app is not ready after a minute */
async function ready(url: string): Promise<void> {
  for (const deadlineMs = performance.now() + 60_000; performance.now() < deadlineMs; await sleep(100)) {
    const isReady = await fetch(url).then(
      async (response) => (await response.text(), response.ok),
      () => false,
    );
    if (isReady) return;
  }
  throw new Error(`${url} says nothing good after a minute`);
}
