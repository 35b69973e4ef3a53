import { spawn } from 'node:child_process';
import { createHash } from 'node:crypto';
import { once } from 'node:events';
import { closeSync, existsSync, globSync, mkdirSync, mkdtempSync, openSync, readFileSync, renameSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { execa } from 'execa';
import { withLock } from '../../infra/local/lock.ts';
import { toolsDir } from '../../infra/local/paths.ts';
import { checkOutput } from './check-output.ts';
import type { Cluster } from './cluster.ts';
import type { Input } from './input.ts';
import type { RunFigures } from './ours.ts';
import { topicsOf } from './topology.ts';
import { usageOf } from './usage.ts';

export type PeerOptions = {
  readonly threads: number;
  /** Larger fetches and batches: `max.poll.records` 5000, 4 MiB per partition and fetch, producer batches of 64 KiB. */
  readonly isBulk: boolean;
  /** Reads the output back: each occurrence once. */
  readonly isChecked: boolean;
};

type Phase =
  | { readonly phase: 'booted' }
  | {
      readonly phase: 'processed';
      readonly inputs: number;
      readonly outputs: number;
      readonly seconds: number;
      readonly committedSeconds: number;
    }
  | { readonly phase: 'restored'; readonly records: number; readonly seconds: number; readonly restartSeconds: number };

const sourceDir = join(import.meta.dirname, 'peers/streams');
/** Maven brings some 20 jars; longer than that is a network that does not answer. */
const buildMsMax = 15 * 60_000;

/**
 * Builds the peer with Maven once per version of its source.
 * @returns the folder of its classes and libraries
 * @throws Error with the end of Maven's output
 */
export async function ensurePeer(): Promise<string> {
  const hash = createHash('sha256');
  for (const path of globSync(['pom.xml', 'src/**/*.java'], { cwd: sourceDir }).sort()) hash.update(readFileSync(join(sourceDir, path)));
  const target = join(toolsDir(), `bench-streams-${hash.digest('hex').slice(0, 8)}`);
  if (existsSync(target)) return target;
  return withLock(join(toolsDir(), 'bench-streams.lock'), { timeoutMs: buildMsMax }, async () => {
    if (existsSync(target)) return target;
    const draft = mkdtempSync(join(toolsDir(), 'bench-streams.draft-'));
    const args = ['-B', '-f', join(sourceDir, 'pom.xml'), 'process-classes', `-DoutputDirectory=${draft}`];
    const built = await execa('mvn', args, { all: true, reject: false, timeout: buildMsMax });
    if (built.failed) {
      rmSync(draft, { recursive: true });
      throw new Error(`the peer could not be built:\n${built.all?.slice(-3_000) ?? built.shortMessage}`);
    }
    renameSync(draft, target);
    return target;
  });
}

let runsCount = 0;

/** Processes the whole input with Kafka Streams, then wipes its state and restores it. Leaves neither topics nor files. */
export async function runPeer(cluster: Cluster, input: Input, options: PeerOptions): Promise<RunFigures> {
  const home = await ensurePeer();
  const run = `bench-peer-${process.pid}-${++runsCount}`;
  const { output } = topicsOf(run);
  await cluster.createTopics([output]);
  const dir = join(cluster.dir, run);
  mkdirSync(dir);
  const settings = {
    ...{ brokers: cluster.brokers, app: run, input: input.topic.name, output: output.name, records: input.recordsCount },
    ...{ threads: options.threads, bulk: options.isBulk, restore: true, stateDir: join(dir, 'state') },
  };
  const args = Object.entries(settings).map(([name, value]) => `${name}=${value}`);
  const classPath = [join(home, 'target/classes'), join(home, 'lib/*')].join(':');
  const log = openSync(join(dir, 'stderr.log'), 'a');
  const command = ['-Xmx2g', '-cp', classPath, 'waybill.bench.StreamsPeer', ...args];
  const child = spawn('java', command, { stdio: ['pipe', 'pipe', log] });
  closeSync(log);
  const ended = once(child, 'exit');
  try {
    const figures = await measure(cluster, input, child.pid!, createInterface({ input: child.stdout! }));
    if (options.isChecked) await checkOutput(cluster, output, input);
    return figures;
  } catch (error) {
    throw new Error(`the peer has failed; the end of its log:\n${readFileSync(join(dir, 'stderr.log'), 'utf8').slice(-2_000)}`, {
      cause: error,
    });
  } finally {
    child.stdin!.end();
    child.kill('SIGKILL'); // It has said all that it had to say.
    await ended;
    await cluster.deleteTopics(run);
    rmSync(dir, { recursive: true, force: true });
  }
}

async function measure(cluster: Cluster, input: Input, pid: number, lines: AsyncIterable<string>): Promise<RunFigures> {
  const perRecord = (ms: number): number => (ms * 1_000) / input.recordsCount;
  const looks: { own: number; broker: number }[] = [];
  let figures: Partial<RunFigures> = {};
  for await (const line of lines) {
    const told = JSON.parse(line) as Phase;
    looks.push({ own: usageOf(pid).cpuMs, broker: usageOf(cluster.brokerPid).cpuMs });
    if (told.phase === 'processed') {
      const [before, after] = looks;
      figures = {
        perSecond: told.inputs / told.seconds,
        perSecondCommitted: told.inputs / told.committedSeconds,
        cpuUsPerRecord: perRecord(after!.own - before!.own),
        brokerCpuUsPerRecord: perRecord(after!.broker - before!.broker),
      };
    }
    if (told.phase !== 'restored') continue;
    const { rssPeakMib, rssAnonMib } = usageOf(pid);
    const restored = { restoreMs: told.seconds * 1_000, restartMs: told.restartSeconds * 1_000 };
    return { ...(figures as RunFigures), ...restored, restoredPerSecond: told.records / told.seconds, rssPeakMib, rssAnonMib };
  }
  throw new Error('it ended without a result');
}
