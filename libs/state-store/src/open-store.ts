import { randomUUID } from 'node:crypto';
import { mkdir, rename, rm } from 'node:fs/promises';
import { StreamError, type TaskStore } from '@waybill/stream';
import { openDatabase } from './environment.ts';
import { LmdbStore, type FlushLimits } from './lmdb-store.ts';
import { closedAs, findDamage, findMark, newMark, writeMark, type Mark } from './state-mark.ts';
import { askWriter } from './writer.ts';

export type OpenStateStoreOptions = Partial<FlushLimits> & {
  /** A store that could not be trusted has been put aside, as `<folder>.damaged`; the log restores it. */
  readonly onSetAside?: (reason: string) => void;
};

const limitsDefault: FlushLimits = { overlayBytesMax: 8 * 1_048_576, flushAfterMs: 1_000, loadBytesMax: 16 * 1_048_576 };

/**
 * Opens the state in a folder. One that was damaged or is left from before the machine went down is put aside (the newest of them is kept)
 * and an empty one opened: what it held is in the log.
 * @throws StreamError `STORE_FAILED` when the folder cannot be used
 */
export async function openStateStore(folder: string, options: OpenStateStoreOptions = {}): Promise<TaskStore> {
  const owner = randomUUID();
  try {
    await mkdir(folder, { recursive: true });
    const before = await findMark(folder);
    const damage = await findDamage(folder, before);
    if (damage !== undefined) await setAside(folder, damage, options);
    const mark = newMark(owner, damage === undefined ? before : undefined);
    await writeMark(folder, mark);
    const database = openDatabase(folder);
    await askWriter({ owner, folder }, { kind: 'open' });
    return new LmdbStore({ ...limitsDefault, ...options, folder, database, owner, ...hooksOf(folder, mark) });
  } catch (error) {
    const advice = 'check the disk, or delete the folder: the log restores it';
    throw new StreamError('STORE_FAILED', `the state in ${folder} cannot be opened; ${advice}`, { cause: error });
  }
}

/** Keeps the mark true over the store's life, unless another process has written its own meanwhile. */
function hooksOf(folder: string, mark: Mark) {
  let isProven = false;
  let proving = Promise.resolve();
  const rewrite = async (changes: Partial<Mark>): Promise<void> => {
    if ((await findMark(folder))?.owner === mark.owner) await writeMark(folder, { ...mark, opensInVain: 0, ...changes });
  };
  return {
    onFlushed: (): void => {
      if (isProven) return;
      isProven = true;
      proving = rewrite({}).catch(() => undefined); // Then it is as it was: opened in vain.
    },
    onClosing: () => proving,
    onClosed: async (): Promise<void> => rewrite({ closed: await closedAs(folder) }),
  };
}

async function setAside(folder: string, reason: string, { onSetAside }: OpenStateStoreOptions): Promise<void> {
  await rm(`${folder}.damaged`, { recursive: true, force: true });
  await rename(folder, `${folder}.damaged`);
  await mkdir(folder, { recursive: true });
  onSetAside?.(reason);
}
