import { rm } from 'node:fs/promises';
import { openStateStore } from '@waybill/state-store';
import { type EventLog, type StateStore, versionGroup } from '@waybill/stream';
import type { LiveVersions } from './followed-topics.ts';

/** Raised with every change of what a row is: the model is then folded anew, beside nothing, since it holds nothing of its own. */
const modelVersion = 7;

/** A model of its own for each choice of versions, so that going back finds the one before. */
const folderOf = (stateDir: string, live: LiveVersions): string => {
  const versions = Object.entries(live).filter(([, version]) => version > 1);
  return `${stateDir}/api/${[`model-${modelVersion}`, ...versions.map(([app, version]) => versionGroup(app, version))].join('-')}`;
};

/**
 * Opens the local read model; where it was folded from another log (a position lies beyond its topic's end), it is made anew.
 * @throws StreamError `STORE_FAILED` when the folder cannot be used
 */
export async function openReadModel(
  stateDir: string,
  log: Pick<EventLog, 'bounds'>,
  onReset: (reason: string) => void,
  live: LiveVersions = {},
): Promise<StateStore> {
  const folder = folderOf(stateDir, live);
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
