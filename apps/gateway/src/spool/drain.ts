import { setTimeout as sleep } from 'node:timers/promises';
import type { NewRecord } from '@waybill/stream';
import type { Log } from '../log.ts';
import { toRecords, type Encoding } from '../topology.ts';
import { decodeReceipt } from './delivery.ts';
import type { Batch, Spool } from './spool.ts';

export type DrainOptions = {
  readonly spool: Spool;
  readonly log: Log;
  readonly onDrained: (count: number) => void;
  /** Why a try has failed; it is made again. */
  readonly onFailure: (error: unknown) => void;
  readonly pauseMsMin?: number;
  readonly pauseMsMax?: number;
};

export type Drain = {
  /** To be called when something has been appended to the spool. */
  readonly wake: () => void;
  /**
   * Whether nothing is left in the spool. Waits for that where it is near, so that whoever asks before each append to the spool lets
   * it come to its end, however much comes in.
   */
  readonly isOver: () => Promise<boolean>;
  /** When the oldest delivery in the spool was received; undefined where there is none, or it was not read yet. */
  readonly oldestAtMs: () => number | undefined;
  /** Resolves once no append is under way. */
  readonly stop: () => Promise<void>;
};

/** Read, held and sent at a time: what this process does at once is not felt by the requests beside it. */
const batchBytes = 1_048_576;
const batchCount = 256;
/** A few batches: less time than a sender notices. */
const nearBytes = 4 * batchBytes;

/** What was read and is to be sent: kept over failures, so that a try costs the disk nothing. */
type Head = { readonly batch: Batch; readonly receivedAtMs: number | undefined; records?: readonly NewRecord[] };

/** Sends what the spool holds to the log, in its order, one batch after the other, and each again until it is acknowledged. */
export function createDrain(options: DrainOptions): Drain {
  const { spool, log, onDrained, onFailure, pauseMsMin = 100, pauseMsMax = 2_000 } = options;
  const stopped = new AbortController();
  let head: Head | undefined;
  let running: Promise<void> | undefined;
  let round: Promise<boolean> | undefined;
  let isFlowing = false;

  async function attempt(): Promise<boolean> {
    try {
      head ??= await readHead(spool);
      const encoding = log.encoding();
      if (encoding === undefined) return false; // Whoever connects tells why.
      head.records ??= await encodeAll(head.batch, encoding, spool, onFailure);
      if (head.records.length > 0) await log.append(head.records);
      const { batch } = head;
      head = undefined; // It is in the log; if the position cannot be written, it must not be sent for ever.
      await spool.acknowledge(batch);
      onDrained(batch.stored.length);
      return true;
    } catch (error) {
      if (!stopped.signal.aborted) onFailure(error);
      return false;
    }
  }

  async function run(): Promise<void> {
    isFlowing = false; // What was so before the last outage says nothing.
    for (let pauseMs = pauseMsMin; spool.leftBytes > 0 && !stopped.signal.aborted;) {
      isFlowing = await (round = attempt());
      if (!isFlowing) await sleep(pauseMs, undefined, { signal: stopped.signal }).catch(() => undefined);
      pauseMs = isFlowing ? pauseMsMin : Math.min(2 * pauseMs, pauseMsMax);
    }
    running = undefined;
  }

  function wake(): void {
    if (spool.leftBytes > 0 && !stopped.signal.aborted) running ??= run();
  }

  return {
    wake,
    async isOver() {
      while (isFlowing && spool.leftBytes > 0 && spool.leftBytes <= nearBytes && !stopped.signal.aborted) await round;
      return spool.leftBytes === 0;
    },
    oldestAtMs: () => (spool.leftBytes > 0 ? head?.receivedAtMs : undefined),
    async stop() {
      stopped.abort();
      await running;
    },
  };
}

async function readHead(spool: Spool): Promise<Head> {
  const batch = await spool.read(batchBytes, batchCount);
  const [first] = batch.stored;
  return { batch, receivedAtMs: first && findReceivedAtMs(first.payload) };
}

function findReceivedAtMs(payload: Buffer): number | undefined {
  try {
    return decodeReceipt(payload).delivery.data.receivedAtMs;
  } catch {
    return undefined; // Set aside when it is to be sent.
  }
}

async function encodeAll(batch: Batch, encoding: Encoding, spool: Spool, onFailure: (error: unknown) => void) {
  const records: NewRecord[] = [];
  for (const stored of batch.stored) {
    try {
      records.push(...toRecords(decodeReceipt(stored.payload), encoding));
    } catch (error) {
      // A fault of ours: it would fail each time, and hold back all behind it.
      onFailure(error);
      await spool.setAside(stored);
    }
  }
  return records;
}
