import { randomBytes } from 'node:crypto';
import { mkdir } from 'node:fs/promises';
import { dirname, resolve } from 'node:path';
import type { Logger } from '@waybill/app-kit';
import type { Registry } from 'prom-client';
import type { Log } from '../log.ts';
import { createQuiet } from '../quiet.ts';
import type { Overflow } from '../store.ts';
import { createDrain } from './drain.ts';
import { filesIn } from './files.ts';
import { lockFolder } from './lock.ts';
import { createSpoolMetrics } from './metrics.ts';
import { openSpool, type Notice } from './spool.ts';

export type OverflowOptions = {
  readonly dir: string;
  readonly bytesMax: number;
  /** The largest group of deliveries that is appended at once. */
  readonly appendBytesMax: number;
  readonly log: Log;
  readonly registry: Registry;
  readonly logger: Logger;
  readonly nowMs: () => number;
};

/** Room comes back in steps of a segment while the spool drains; each keeps a file open, and a place in one has to fit 32 bits. */
const segmentsWanted = 64;
const segmentBytesMax = 2 ** 30;
const quietMs = 10_000;

const sayings = {
  SPOOL_SET_ASIDE: 'deliveries could not be read or sent; their bytes are kept beside, docs/runbooks/spool.md says what to do',
  SPOOL_SEGMENT_MISSING: 'files of the spool are gone that were not in the log yet: put them back, or accept the loss',
  SPOOL_POSITION_UNREADABLE: 'what is in the spool is sent again from its beginning; repeats are known by their ids',
  SPOOL_TAIL_CUT: 'the last write did not come to its end when the process died; nobody was told 202 for it',
} as const satisfies Record<Notice['code'], string>;

/**
 * Opens the spool of a folder, which is made if need be, and begins to drain it.
 * @throws SpoolError `SPOOL_IN_USE`; whatever the disk says where it cannot be read
 */
export async function openOverflow(options: OverflowOptions): Promise<Overflow & { readonly close: () => Promise<void> }> {
  const { dir, bytesMax, appendBytesMax, log, registry, logger, nowMs } = options;
  await makeFolder(dir);
  const lock = lockFolder(dir);
  const metrics = createSpoolMetrics(registry);
  const quiet = createQuiet(quietMs, () => performance.now());
  const spool = await openSpool({
    files: filesIn(dir),
    bytesMax,
    segmentBytes: Math.min(segmentBytesMax, bytesMax / segmentsWanted),
    salt: () => randomBytes(4).readUInt32LE(),
    onSync: metrics.synced,
    onRefusal: metrics.refused,
    onNotice: (notice) => {
      if (notice.code === 'SPOOL_SET_ASIDE') metrics.setAside(notice.why);
      logger[notice.code === 'SPOOL_TAIL_CUT' ? 'info' : 'error']({ dir, ...notice }, sayings[notice.code]);
    },
  });
  const drain = createDrain({
    spool,
    log,
    onDrained: (count) => {
      metrics.drained(count);
      if (spool.leftBytes === 0) logger.info({ dir }, 'the spool is drained');
    },
    onFailure: (err) => {
      const heldBack = quiet('drain');
      if (heldBack !== undefined) logger.warn({ err, dir, deliveries: spool.count, heldBack }, 'the spool cannot be drained yet');
    },
  });
  metrics.watch({ spool, drain, nowMs });
  if (spool.leftBytes > 0) logger.warn({ dir, deliveries: spool.count, bytes: spool.leftBytes }, 'the spool holds deliveries of before');
  drain.wake();
  return {
    spool,
    drain,
    isFull: () => !spool.hasRoomFor(appendBytesMax),
    async close() {
      await drain.stop();
      await spool.close();
      lock.release(); // Last: until then nobody else may touch the files.
    },
  };
}

/** A folder, and those above it, that a loss of power does not take away again. */
async function makeFolder(dir: string): Promise<void> {
  const first = await mkdir(resolve(dir), { recursive: true, mode: 0o700 });
  if (first === undefined) return; // It was there.
  for (let made = resolve(dir); made.length >= first.length; made = dirname(made)) await filesIn(dirname(made)).sync();
}
