// A stream app's process for the fault tests: the real ports, wrapped where a fault has to be put that no request marks.
import { mkdirSync, watch } from 'node:fs';
import fs from 'node:fs/promises';
import { syncBuiltinESMExports } from 'node:module';
import { join } from 'node:path';
import { createCodec, createEventLog } from '@waybill/kafka';
import { openStateStore } from '@waybill/state-store';
import { runTopology, StreamError, systemClock, type Clock, type EventLog, type OpenStore, type Topology } from '@waybill/stream';
import { audit } from '../../apps/audit/src/topology.ts';
import { dedup } from '../../apps/dedup/src/topology.ts';
import { failingOn, type killPoints, type WorkerOptions, type WorkerReport } from './worker.ts';

const options = JSON.parse(process.env['WORKER_OPTIONS']!) as WorkerOptions;
const report = (message: WorkerReport): void => void process.send?.(message);
process.once('disconnect', () => process.exit(1)); // Whoever started it is gone.

/** Ends the process at the n-th time that it comes by a point: at once, as `kill -9` from outside would. */
const passing = new Map<string, number>();
function passBy(point: (typeof killPoints.inWorker)[number]): void {
  const count = (passing.get(point) ?? 0) + 1;
  passing.set(point, count);
  if (options.killAt?.point === point && options.killAt.nth === count) process.kill(process.pid, 'SIGKILL');
}

/** A snapshot appears by a rename. */
const rename = fs.rename;
fs.rename = async (from, to) => {
  const isSnapshot = String(to).startsWith(options.snapshotDir);
  if (isSnapshot) passBy('before-snapshot');
  await rename(from, to);
  if (isSnapshot) passBy('after-snapshot');
};
syncBuiltinESMExports();

/** A manifest is written and renamed by another thread: what is seen of it may be just before the rename, or just behind. */
mkdirSync(options.stateDir, { recursive: true });
watch(options.stateDir, { recursive: true, persistent: false }, (_event, file) => {
  if (/manifest-[^/]+\.new$/.test(file ?? '')) passBy('at-manifest');
});

/** Takes every partition without asking the group: two such processes are the split that only fencing can end. */
const withoutGroup = (log: EventLog): EventLog => ({
  ...log,
  async joinGroup({ topics, handlers }) {
    const closing = new AbortController();
    const verify = async (): Promise<void> => {
      throw new StreamError('FENCED', 'nobody has given it these partitions');
    };
    const run = async (): Promise<void> => {
      const starts = await handlers.assigned([...Array(log.partitions).keys()], { verify });
      await log.follow({
        topics,
        from: ({ topic, partition }) => starts.get(partition)?.get(topic),
        onRecords: (place, records) => (records.length > 0 ? handlers.batch(place, records) : undefined),
        signal: closing.signal,
      });
    };
    const running = run().catch((error: unknown) => handlers.crashed(error as Error));
    return {
      async close() {
        closing.abort();
        await running;
      },
    };
  },
});

const wrapped = (log: EventLog): EventLog => ({
  ...log,
  joinGroup: (group) => {
    const { batch } = group.handlers;
    const handlers = {
      ...group.handlers,
      batch: (...args: Parameters<typeof batch>) => {
        passBy('after-fetch');
        return batch(...args);
      },
    };
    return log.joinGroup({ ...group, handlers });
  },
  async read(place, range, onRecords, signal) {
    await systemClock.sleep(options.restoreDelayMs ?? 0, signal);
    await log.read(place, range, onRecords, signal);
  },
});

const openStore: OpenStore = async (group, partition) => {
  const store = await openStateStore(join(options.stateDir, `${group}-${partition}`), {
    flushAfterMs: 200,
    snapshots: { folder: options.snapshotDir, group, partition, intervalMs: options.snapshotEveryMs },
    onSnapshot: () => report({ kind: 'snapshot', failure: undefined }),
    onSnapshotFailed: (error) => report({ kind: 'snapshot', failure: String(error) }),
  });
  const commit = store.commit.bind(store);
  store.commit = async (changes) => {
    passBy('before-store-commit');
    await commit(changes);
    passBy('after-store-commit');
  };
  return store;
};

/** Jumps to and fro by up to an hour, several times a second. */
function jumpingClock(jumpMsMax: number): Clock {
  let shiftMs = 0;
  setInterval(() => (shiftMs = Math.round((Math.random() * 2 - 1) * jumpMsMax)), 150).unref();
  return { ...systemClock, now: () => Date.now() + shiftMs };
}

function topologyOf({ app, group, failingSubject }: WorkerOptions): Topology {
  const topology: Topology = { ...{ dedup, audit }[app], ...(group !== undefined && { group }) };
  return failingSubject === undefined ? topology : failingOn(topology, failingSubject);
}

const crash = (error: Error): void => {
  report({ kind: 'crashed', code: error instanceof StreamError ? error.code : error.name, message: error.message });
  setTimeout(() => process.exit(1), 50);
};

const topology = topologyOf(options);
const log = await createEventLog({ brokers: options.brokers, clientId: options.clientId, countBy: topology.inputs[0]!.name });
const running = await runTopology({
  topology,
  log: wrapped(options.isForced === true ? withoutGroup(log) : log),
  codec: await createCodec({ registryUrl: options.registryUrl }),
  openStore,
  instance: options.instance,
  sessionTimeoutMs: options.sessionTimeoutMs,
  ...(options.clockJumpMs !== undefined && { clock: jumpingClock(options.clockJumpMs) }),
  observer: {
    assigned: (partitions) => report({ kind: 'assigned', partitions }),
    fault: (error) => report({ kind: 'fault', code: error instanceof StreamError ? error.code : 'UNKNOWN', message: String(error) }),
  },
  onCrash: crash,
});
process.once('SIGTERM', () => {
  void running
    .close()
    .then(() => log.close())
    .then(() => process.exit(0), crash);
});
