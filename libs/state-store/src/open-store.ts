import { randomUUID } from 'node:crypto';
import { mkdir, rename, rm, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { StreamError, type TaskStore } from '@waybill/stream';
import { refuseFull } from './disk-space.ts';
import { dataFile, openDatabase } from './environment.ts';
import { LmdbStore, type FlushLimits } from './lmdb-store.ts';
import type { Copied, Sealed } from './snapshot-copy.ts';
import { SnapshotTaker, type SnapshotEvents } from './snapshot-taker.ts';
import { installSnapshot, type Manifest, type SnapshotPlace } from './snapshots.ts';
import { closedAs, findDamage, findMark, newMark, writeMark, type Mark } from './state-mark.ts';
import { writerOf, type AskWriter, type StoreId } from './writer.ts';

export type OpenStateStoreOptions = Partial<FlushLimits> &
  SnapshotEvents & {
    readonly snapshots?: SnapshotPlace & { readonly intervalMs: number };
    /** A store that could not be trusted has been put aside, as `<folder>.damaged`; the log restores it. */
    readonly onSetAside?: (reason: string) => void;
    /** The store begins as this snapshot. */
    readonly onInstalled?: (manifest: Manifest) => void;
    readonly onSnapshotRefused?: (reason: string) => void;
  };

const limitsDefault: FlushLimits = { overlayBytesMax: 8 * 1_048_576, flushAfterMs: 1_000, loadBytesMax: 8 * 1_048_576 };

/**
 * Opens the state in a folder: as it was left, if it can be trusted; else as the newest snapshot that can; else empty. What is missing is
 * in the log. A store that cannot be trusted is put aside, the newest such one is kept.
 * @throws StreamError `STORE_FAILED` when the folder cannot be used
 */
export async function openStateStore(folder: string, options: OpenStateStoreOptions = {}): Promise<TaskStore> {
  const id = { owner: randomUUID(), folder };
  try {
    await mkdir(folder, { recursive: true });
    const before = await findMark(folder);
    const damage = await findDamage(folder, before);
    if (damage !== undefined) await setAside(folder, damage, options);
    await install(folder, options);
    refuseFull(folder, 0);
    const mark = newMark(id.owner, damage === undefined ? before : undefined);
    await writeMark(folder, mark);
    const database = openDatabase(folder);
    const askWriter = writerOf(id);
    await askWriter({ kind: 'open' });
    const hooks = await hooksOf({ ...id, askWriter }, mark, options);
    return new LmdbStore({ ...limitsDefault, ...options, ...id, database, askWriter, ...hooks });
  } catch (error) {
    const advice = 'check the disk, or delete the folder: the log restores it';
    const why = error instanceof Error ? error.message : String(error);
    throw new StreamError('STORE_FAILED', `the state in ${folder} cannot be opened: ${why}; ${advice}`, { cause: error });
  }
}

/** Keeps the mark true over the store's life, unless another process has written its own meanwhile; takes snapshots. */
async function hooksOf(id: StoreId & { readonly askWriter: AskWriter }, mark: Mark, options: OpenStateStoreOptions) {
  const { snapshots } = options;
  const copier = {
    copy: async (to: string) => (await id.askWriter({ kind: 'copy', to })) as Copied,
    seal: async (to: string) => (await id.askWriter({ kind: 'seal', to })) as readonly Sealed[],
  };
  const taker = snapshots && (await SnapshotTaker.open(snapshots, copier, options));
  const rewrite = async (changes: Partial<Mark>): Promise<void> => {
    if ((await findMark(id.folder))?.owner === mark.owner) await writeMark(id.folder, { ...mark, opensInVain: 0, ...changes });
  };
  let proving: Promise<void> | undefined;
  return {
    onFlushed: (): void => {
      proving ??= rewrite({}).catch(() => undefined); // Then it is as it was: opened in vain.
      taker?.takeIfDue(Date.now());
    },
    onClosing: async (): Promise<void> => {
      await proving;
      await taker?.idle();
    },
    onClosed: async (): Promise<void> => rewrite({ closed: await closedAs(id.folder) }),
  };
}

async function install(folder: string, { snapshots, onInstalled, onSnapshotRefused }: OpenStateStoreOptions): Promise<void> {
  const isThere = await stat(join(folder, dataFile)).then(() => true, () => false); // prettier-ignore
  if (!snapshots || isThere) return;
  const manifest = await installSnapshot(snapshots, folder, Date.now(), (reason) => onSnapshotRefused?.(reason));
  if (manifest) onInstalled?.(manifest);
}

async function setAside(folder: string, reason: string, { onSetAside }: OpenStateStoreOptions): Promise<void> {
  await rm(`${folder}.damaged`, { recursive: true, force: true });
  await rename(folder, `${folder}.damaged`);
  await mkdir(folder, { recursive: true });
  onSetAside?.(reason);
}
