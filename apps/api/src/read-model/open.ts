import { rm } from 'node:fs/promises';
import { openStateStore } from '@waybill/state-store';
import type { EventLog, StateStore } from '@waybill/stream';

/** Raised with every change of what a row is: the model is then folded anew, beside nothing, since it holds nothing of its own. */
const modelVersion = 3;

/**
 * Opens the local read model; where it was folded from another log (a position lies beyond its topic's end), it is made anew.
 * @throws StreamError `STORE_FAILED` when the folder cannot be used
 */
export async function openReadModel(
  stateDir: string,
  log: Pick<EventLog, 'bounds'>,
  onReset: (reason: string) => void,
): Promise<StateStore> {
  const folder = `${stateDir}/api/model-${modelVersion}`;
  const store = await openStateStore(folder);
  const stale = await findStalePosition(store, log);
  if (stale === undefined) return store;
  onReset(stale);
  await store.close();
  await rm(folder, { recursive: true, force: true });
  return openStateStore(folder);
}

async function findStalePosition(store: StateStore, log: Pick<EventLog, 'bounds'>): Promise<string | undefined> {
  for (const [place, next] of store.position().changelog) {
    const slash = place.lastIndexOf('/');
    const { end } = await log.bounds({ topic: place.slice(0, slash), partition: Number(place.slice(slash + 1)) });
    if (next > end) return `position ${next} of ${place} lies beyond its end ${end}`;
  }
  return undefined;
}
