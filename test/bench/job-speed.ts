// `node test/bench/job-speed.ts [<jobs>]`: slow work through the whole runtime on a real broker, one at a time and 20 keys at a time.
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { deterministicId, type ImagePushed, type RecordType, type Topic } from '@waybill/domain';
import { unsaid } from '@waybill/domain/testing';
import { openStateStore } from '@waybill/state-store';
import { encodeEvent, isEvent, runTopology, type LogRecord, type NewRecord, type Topology } from '@waybill/stream';
import { boundedRow, interleaved, medianOf, spreadOf, type Experiment } from './bench.ts';
import { startCluster, type Cluster } from './cluster.ts';

const keysCount = 20;
const workMs = 2.5;

export type JobFigures = {
  readonly jobs: number;
  readonly jobsPerSecond: number;
  /** Of one job from its begin to its end; a timer's grain makes it differ from what was asked for. */
  readonly workMs: number;
  /** Transactions per job: a scheduled job is a row, its end another. */
  readonly transactionsPerJob: number;
  /** Of this process, while the jobs ran. */
  readonly cpuUsPerJob: number;
};

const topic = (name: string, kind: Topic['kind'], records: readonly RecordType[]): Topic => ({
  ...{ name, kind, records, key: 'registry/repository', retentionMs: -1, purpose: 'Of the bench.' },
});

const topicsOf = (run: string) => ({
  input: topic(`${run}.input`, 'event', ['ImagePushed']),
  output: topic(`${run}.output`, 'event', ['ImagePushed']),
  jobs: topic(`${run}.jobs`, 'state', ['Job']),
  held: topic(`${run}.held`, 'state', ['HeldRecord']),
});

/** Each push is a job, whose end is an event. The key stands for the host, with one job at a time: so a key keeps its order. */
function jobTopology(run: string, concurrencyMax: number, work: () => Promise<void>): Topology {
  const { input, output, jobs, held } = topicsOf(run);
  const limits = { concurrencyMax, perHostMax: 1, timeoutMs: 60_000, attemptsMax: 1, delayMsMin: 1, delayMsMax: 1 };
  return {
    group: run,
    inputs: [input],
    stores: {},
    outputs: [output],
    held,
    jobTopic: jobs,
    jobs: { work: { run: work, ...limits } },
    handle(taken) {
      if (isEvent(taken, 'ImagePushed')) {
        const { data, meta } = taken.event;
        return { schedule: [{ id: meta.id, kind: 'work', key: data.repository, payload: data, host: data.repository }] };
      }
      if (taken.kind !== 'job-done') return {};
      const data = JSON.parse(taken.job.payload) as ImagePushed;
      return { emit: [{ topic: output, key: taken.job.key, subject: data.repository, event: { type: 'ImagePushed', data } }] };
    },
  };
}

function pushOf({ codec, log }: Cluster, run: string, index: number): NewRecord {
  const repository = `app${index % keysCount}`;
  const data: ImagePushed = {
    ...{ ...unsaid, registry: 'registry.test', repository, tags: [`v${index}`], digest: null, sizeBytes: index },
    ...{ occurredAtMs: index, receivedAtMs: index, source: 'bench', endpoint: 'bench' },
  };
  const id = deterministicId(run, index);
  const meta = { id, source: '/bench', timeMs: Date.now(), subject: repository, correlationId: id, causationId: null, traceparent: null };
  const place = { topic: topicsOf(run).input, partition: log.partitionOf(repository), key: repository };
  return encodeEvent(codec, place, { type: 'ImagePushed', data, meta });
}

/** @throws Error when a job is missing or there twice */
async function checkOutput({ log, codec }: Cluster, output: Topic, jobsCount: number): Promise<void> {
  const records: LogRecord[] = [];
  for (let partition = 0; partition < log.partitions; partition++) {
    const place = { topic: output.name, partition };
    const { first, end } = await log.bounds(place);
    await log.read(place, { from: first, to: end }, (read) => void records.push(...read));
  }
  const numbers = new Set(
    await Promise.all(records.map(async ({ value }) => ((await codec.decode(value!)).data as ImagePushed).sizeBytes)),
  );
  if (records.length !== jobsCount || numbers.size !== jobsCount)
    throw new Error(`${records.length} ends of ${numbers.size} jobs instead of ${jobsCount}`);
}

/** From the first record that is taken to the commit of the last end. */
export async function measureJobs(cluster: Cluster, run: string, concurrencyMax: number, jobsCount: number): Promise<JobFigures> {
  const topics = topicsOf(run);
  await cluster.createTopics(Object.values(topics));
  const appender = await cluster.openAppender();
  await appender.append(Array.from({ length: jobsCount }, (_, index) => pushOf(cluster, run, index)));
  await appender.close();
  let [workedMs, ended, transactions, startedMs, endedMs] = [0, 0, 0, 0, 0];
  const work = async (): Promise<void> => {
    const beganMs = performance.now();
    await sleep(workMs);
    workedMs += performance.now() - beganMs;
  };
  const done = Promise.withResolvers<void>();
  const cpuBefore = process.cpuUsage();
  const running = await runTopology({
    topology: jobTopology(run, concurrencyMax, work),
    ...{ log: cluster.log, codec: cluster.codec, instance: `${run}-0`, sessionTimeoutMs: 15_000, onCrash: done.reject },
    openStore: async (group, partition) => openStateStore(join(cluster.dir, `${group}-${partition}`)),
    observer: {
      committed(draft, durationMs) {
        transactions += 1;
        startedMs ||= performance.now() - durationMs;
        ended += draft.records.filter(({ topic: name }) => name === topics.output.name).length;
        if (ended < jobsCount) return;
        endedMs = performance.now();
        done.resolve();
      },
    },
  });
  await done.promise;
  const { user, system } = process.cpuUsage(cpuBefore);
  await running.close();
  await checkOutput(cluster, topics.output, jobsCount);
  const jobsPerSecond = (jobsCount * 1_000) / (endedMs - startedMs);
  const perJob = { workMs: workedMs / jobsCount, transactionsPerJob: transactions / jobsCount, cpuUsPerJob: (user + system) / jobsCount };
  return { jobs: jobsCount, jobsPerSecond, ...perJob };
}

/** 20 keys, each in order and one at a time, with 2.5 ms of waiting per job; beside one job at a time of all keys. */
export const jobSpeed: Experiment = {
  name: 'jobs',
  async run(bench) {
    const [serialCount, parallelCount] = bench.isQuick ? [40, 400] : [1_000, 10_000];
    const measure = (name: string, concurrencyMax: number, jobsCount: number) => (round: number) =>
      measureJobs(bench.cluster, `bench-${name}-${round}`, concurrencyMax, jobsCount);
    const variants = { 'one at a time': measure('jobs-serial', 1, serialCount), '20 keys': measure('jobs-keys', keysCount, parallelCount) };
    const samples = await interleaved(bench, 'jobs', variants);
    const [serial, parallel] = [samples['one at a time'], samples['20 keys']];
    const ratio = medianOf(parallel, 'jobsPerSecond') / medianOf(serial, 'jobsPerSecond');
    const figures = `${spreadOf(parallel, 'jobsPerSecond')} beside ${spreadOf(serial, 'jobsPerSecond')} jobs/s`;
    return [boundedRow('20 keys with a 2.5 ms handler, beside one at a time', ratio, { atLeast: 8 }, 'x', figures, 1)];
  },
};

if (import.meta.main) {
  const cluster = await startCluster();
  try {
    const jobsCount = Number(process.argv[2] ?? 4_000);
    const serial = await measureJobs(cluster, 'bench-jobs-serial', 1, Math.ceil(jobsCount / 10));
    const keys = await measureJobs(cluster, 'bench-jobs-keys', keysCount, jobsCount);
    console.log(JSON.stringify({ serial, keys, speedup: keys.jobsPerSecond / serial.jobsPerSecond }));
  } finally {
    await cluster.stop();
  }
}
