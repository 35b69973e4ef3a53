import { join } from 'node:path';
import { openStateStore } from '@waybill/state-store';
import type { OpenStore } from '@waybill/stream';
import type { Logger } from './logger.ts';
import type { StreamConfig } from './stream-config.ts';

type Settings = Pick<StreamConfig, 'STATE_DIR' | 'SNAPSHOT_DIR' | 'SNAPSHOT_INTERVAL_MS'>;

/** Local state of an app's partitions. What happens to it is told in the log and ends nothing, because Kafka has the state. */
export function storesOf({ STATE_DIR, SNAPSHOT_DIR, SNAPSHOT_INTERVAL_MS }: Settings, logger: Logger): OpenStore {
  return async (group, partition) => {
    const place = { folder: SNAPSHOT_DIR, group, partition };
    return openStateStore(join(STATE_DIR, `${group}-${partition}`), {
      ...(SNAPSHOT_DIR !== '' && { snapshots: { ...place, intervalMs: SNAPSHOT_INTERVAL_MS } }),
      onSetAside: (reason) => logger.warn({ code: 'STATE_SET_ASIDE', partition, reason }, 'local state was put aside'),
      onInstalled: ({ rows, bytes, createdAtMs }) => logger.info({ partition, rows, bytes, createdAtMs }, 'began as a snapshot'),
      onSnapshotRefused: (reason) => logger.warn({ code: 'SNAPSHOT_REFUSED', partition, reason }, 'a snapshot was not used'),
      onSnapshot: ({ rows, bytes }, durationMs) => logger.info({ partition, rows, bytes, durationMs }, 'a snapshot was taken'),
      onSnapshotFailed: (err) => logger.warn({ code: 'SNAPSHOT_FAILED', partition, err }, 'a snapshot could not be taken'),
    });
  };
}
