// One instance of the bench's app, with what `runApp` gives an app and its default settings. Started by app-process.ts with its
// configuration as JSON; told what to do, and telling how far it is, over the process' channel.
import { rmSync } from 'node:fs';
import { join } from 'node:path';
import { createAppender, createCodec, createEventLog } from '@waybill/kafka';
import { openStateStore } from '@waybill/state-store';
import { runTopology, type EventLog, type Observer, type Running, type Topology } from '@waybill/stream';
import { nowMs, progressEveryMs, type AppConfig, type AppProgress, type FromApp, type ToApp } from './app-messages.ts';
import { atLeastOnceLog } from './at-least-once-log.ts';
import { startProfile } from './profile.ts';
import { benchTopology, inputTopic } from './topology.ts';

const config = JSON.parse(process.argv[2]!) as AppConfig;
const tell = (message: FromApp): void => void process.send?.(message);

/** Counts without a clock of its own in the hot path: one look at the time per record, as the peer does. */
const counts = { inputs: 0, transactions: 0, firstMs: 0, lastMs: 0 };
let told: AppProgress = { ...counts };
setInterval(() => {
  if (told.inputs === counts.inputs && told.transactions === counts.transactions) return;
  told = { ...counts };
  tell({ is: 'progress', ...told });
}, progressEveryMs).unref();

function counted(topology: Topology): Topology {
  return {
    ...topology,
    handle(input, context) {
      counts.lastMs = nowMs();
      if (counts.inputs++ === 0) counts.firstMs = counts.lastMs;
      return topology.handle(input, context);
    },
  };
}

/** Partition numbers that have been assigned and have not yet put anything out. */
const silent = new Set<number>();

const observer: Observer = {
  committed(draft) {
    counts.transactions++;
    const partition = silent.size > 0 ? draft.records.find((record) => silent.has(record.partition))?.partition : undefined;
    if (partition === undefined) return;
    silent.delete(partition);
    tell({ is: 'output', partition, atMs: nowMs() });
  },
  fault: (error) => console.error(error),
};

/** Tells when the group gives partitions, which is before they are restored and ready. */
const watched = (log: EventLog): EventLog => ({
  ...log,
  joinGroup: (options) =>
    log.joinGroup({
      ...options,
      handlers: {
        ...options.handlers,
        async assigned(partitions, membership) {
          const atMs = nowMs();
          for (const partition of partitions) silent.add(partition);
          const starts = await options.handlers.assigned(partitions, membership);
          tell({ is: 'assigned', partitions, atMs, readyMs: nowMs() });
          return starts;
        },
      },
    }),
});

async function main(): Promise<void> {
  const { run, brokers, registryUrl, stateDir, instance, sessionTimeoutMs } = config;
  const connection = { brokers: brokers.split(','), clientId: run, countBy: inputTopic.name };
  const kafka = await createEventLog(connection);
  const log =
    config.guarantee === 'exactly-once'
      ? kafka
      : atLeastOnceLog(kafka, await createAppender({ ...connection, timeoutMs: 30_000 }), connection.brokers);
  const codec = await createCodec({ registryUrl });
  const topology = counted(benchTopology(run, { ...inputTopic, name: config.input }));
  const start = (): Promise<Running> =>
    runTopology({
      ...{ topology, codec, observer, sessionTimeoutMs, instance },
      log: watched(log),
      openStore: async (group, partition) => openStateStore(join(stateDir, `${group}-${partition}`)),
      onCrash(error) {
        console.error(error);
        process.exit(1);
      },
    });
  let running: Running | undefined;
  let endProfile: Awaited<ReturnType<typeof startProfile>> | undefined;

  const obey = async (message: ToApp): Promise<void> => {
    switch (message.do) {
      case 'start':
        running = await start();
        return;
      case 'profile':
        if (message.on) endProfile = await startProfile();
        else if (endProfile) tell({ is: 'profiled', profile: await endProfile() });
        return;
      case 'wipe':
        await running?.close();
        tell({ is: 'closed', atMs: nowMs() });
        rmSync(stateDir, { recursive: true, force: true });
        running = await start();
        return;
      case 'stop':
        await running?.close();
        await log.close();
        process.exit();
    }
  };
  // One after the other: a stop must not overtake the start that it ends.
  let obeying: Promise<void> = Promise.resolve();
  process.on('message', (message: ToApp) => {
    obeying = obeying.then(() => obey(message));
  });
  process.once('disconnect', () => process.exit()); // The bench is gone.
  tell({ is: 'booted' });
}

await main();
