import { randomUUID } from 'node:crypto';
import { mkdir, rename, rm } from 'node:fs/promises';
import { StreamError, type TaskStore } from '@waybill/stream';
import { claim, findPredecessor } from './claims.ts';
import { refuseFull } from './disk-space.ts';
import { LocalStore, type FlushLimits } from './local-store.ts';
import { findBootId, newManifest, type Manifest } from './manifest.ts';
import { Segments } from './segments.ts';
import type { Copied, Sealed } from './snapshot-copy.ts';
import { SnapshotTaker, type SnapshotEvents } from './snapshot-taker.ts';
import { installSnapshot, type SnapshotManifest, type SnapshotPlace } from './snapshots.ts';
import { writerOf, type AskWriter } from './writer.ts';

export type OpenStateStoreOptions = Partial<FlushLimits> &
  SnapshotEvents & {
    readonly snapshots?: SnapshotPlace & { readonly intervalMs: number };
    /** A store that could not be trusted has been put aside, as `<folder>.damaged`; the log restores it. */
    readonly onSetAside?: (reason: string) => void;
    /** The store begins as this snapshot. */
    readonly onInstalled?: (manifest: SnapshotManifest) => void;
    readonly onSnapshotRefused?: (reason: string) => void;
  };

const limitsDefault: FlushLimits = { overlayBytesMax: 8 * 1_048_576, flushAfterMs: 1_000, loadBytesMax: 8 * 1_048_576 };

/**
 * Opens the state in a folder: as it was left, if it can be trusted; else as the newest snapshot that can; else empty. What is missing is
 * in the log. A store that cannot be trusted is put aside, the newest such one is kept.
 * @throws StreamError `STORE_FAILED` when the folder cannot be used
 */
export async function openStateStore(folder: string, options: OpenStateStoreOptions = {}): Promise<TaskStore> {
  const owner = randomUUID();
  try {
    await mkdir(folder, { recursive: true });
    claim(folder, owner);
    const left = await findLeft(folder, owner, options);
    const { manifest, segments } = left ?? (await findInstalled(folder, options)) ?? none(folder);
    refuseFull(folder, 0);
    const askWriter = writerOf({ owner, folder });
    await askWriter({ kind: 'open', manifest });
    const hooks = await hooksOf(askWriter, options);
    return new LocalStore({ ...limitsDefault, ...options, ...hooks, folder, manifest, segments, askWriter });
  } catch (error) {
    const advice = 'check the disk, or delete the folder: the log restores it';
    const why = error instanceof Error ? error.message : String(error);
    throw new StreamError('STORE_FAILED', `the state in ${folder} cannot be opened: ${why}; ${advice}`, { cause: error });
  }
}

type Found = { readonly manifest: Manifest; readonly segments: Segments };

const none = (folder: string): Found => ({ manifest: newManifest(), segments: new Segments(folder) });

/** As the process before left it, unless that cannot be trusted: then it is put aside. */
async function findLeft(folder: string, owner: string, { onSetAside }: OpenStateStoreOptions): Promise<Found | undefined> {
  try {
    const manifest = findPredecessor(folder, owner);
    return manifest && trusted(folder, manifest);
  } catch (error) {
    await rm(`${folder}.damaged`, { recursive: true, force: true });
    await rename(folder, `${folder}.damaged`);
    await mkdir(folder, { recursive: true });
    claim(folder, owner);
    onSetAside?.(error instanceof Error ? error.message : String(error));
    return undefined;
  }
}

/**
 * A store that was open when its process died is as the kernel has it, unless the machine went down too. One that was closed may miss
 * what the disk did not get before the machine went down: then every block is looked at, not only those that are read.
 * @throws Error that says why it cannot be trusted
 */
function trusted(folder: string, manifest: Manifest): Found {
  const bootId = findBootId();
  const isSameRun = bootId !== null && manifest.bootId === bootId;
  if (!isSameRun && !manifest.isClosed) throw new Error('the machine went down while it was open');
  const segments = new Segments(folder);
  try {
    segments.adopt(manifest.segments);
    if (!isSameRun) segments.check();
  } catch (error) {
    segments.close();
    throw error;
  }
  return { manifest: { ...manifest, bootId, isClosed: false }, segments };
}

async function findInstalled(folder: string, { snapshots, ...options }: OpenStateStoreOptions): Promise<Found | undefined> {
  const installed = snapshots && (await installSnapshot(snapshots, folder, Date.now(), (reason) => options.onSnapshotRefused?.(reason)));
  if (!installed) return undefined;
  const { changelog, segments: entries, writtenAtMs } = installed;
  const manifest = { ...newManifest(), changelog, segments: entries, ...(writtenAtMs !== undefined && { writtenAtMs }) };
  const segments = new Segments(folder);
  segments.adopt(entries);
  options.onInstalled?.(installed);
  return { manifest, segments };
}

/** Takes snapshots. */
async function hooksOf(askWriter: AskWriter, options: OpenStateStoreOptions) {
  const copier = {
    copy: async (to: string) => (await askWriter({ kind: 'copy', to })) as Copied,
    seal: async (to: string) => (await askWriter({ kind: 'seal', to })) as readonly Sealed[],
  };
  const taker = options.snapshots && (await SnapshotTaker.open(options.snapshots, copier, options));
  return {
    onFlushed: (): void => taker?.takeIfDue(Date.now()),
    onClosing: async (): Promise<void> => taker?.idle(),
  };
}
