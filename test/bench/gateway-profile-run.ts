import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { sendLoad, type LoadFigures } from './gateway-load.ts';
import { startGateway } from './gateway-receivers.ts';
import type { GatewayBench } from './gateway-run.ts';
import { profileTables, type Profile } from './profile.ts';

const connections = 64;
const profileMsMax = 30_000;

/** One more run, sampled, so that it spoils no figure. */
export async function profileGateway(bench: GatewayBench): Promise<{
  readonly tables: ReturnType<typeof profileTables>;
  readonly profile: string;
  readonly figures: LoadFigures;
}> {
  const { cluster, seconds, warmSeconds } = bench;
  const profilePath = join(cluster.dir, 'gateway.cpuprofile');
  const receiver = await startGateway(cluster, { instances: 1, profilePath });
  try {
    const load = { connections, seed: 1 };
    await sendLoad(receiver, cluster.brokerPid, { ...load, warmSeconds: 0, seconds: warmSeconds });
    receiver.signal('SIGWINCH');
    const figures = await sendLoad(receiver, cluster.brokerPid, { ...load, warmSeconds: 0, seconds });
    receiver.signal('SIGWINCH');
    const profile = await written(profilePath);
    const tables = profileTables(JSON.parse(profile) as Profile, figures.acknowledged, 45);
    return { tables, profile, figures };
  } finally {
    await receiver.stop();
  }
}

/** @throws Error when there is none in time */
async function written(path: string): Promise<string> {
  for (const deadlineMs = Date.now() + profileMsMax; Date.now() < deadlineMs; await sleep(100)) {
    const text = existsSync(path) ? readFileSync(path, 'utf8') : '';
    if (text.endsWith('}')) return text;
  }
  throw new Error('the gateway has written no profile');
}
