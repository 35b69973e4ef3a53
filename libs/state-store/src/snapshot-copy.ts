import { createHash } from 'node:crypto';
import { createReadStream } from 'node:fs';
import { mkdir, open, readdir, rm, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { refuseFull } from './disk-space.ts';
import { lockFile, openDatabase, readMeta, type Database, type Meta } from './environment.ts';
import type { SegmentEntry } from './segment-list.ts';

/** What a copy holds, read from the copy itself: writes went on beside it. */
export type Copied = { readonly meta: Meta | undefined; readonly rows: number; readonly segments: readonly SegmentEntry[] };
/** What a file of it can be checked by. */
export type Sealed = { readonly name: string; readonly bytes: number; readonly sha256: string };

/**
 * Copies a database as it stands into a new folder, without its free pages. It must not be closed meanwhile.
 * @throws Error when the disk of the copies has no room for it, before it takes any
 */
export async function copyTo(database: Database, folder: string): Promise<Copied> {
  await mkdir(folder, { recursive: true });
  refuseFull(folder, copyBytes(database));
  await database.backup(folder, true);
  const copy = openDatabase(folder, { readOnly: true });
  const meta = readMeta(copy);
  const segments = meta?.segments ?? [];
  const rows = segments.reduce((sum, segment) => sum + segment.rows, (copy.getStats() as { readonly entryCount: number }).entryCount);
  await copy.close();
  await rm(join(folder, lockFile), { force: true });
  return { meta, rows, segments };
}

type Stats = Readonly<Record<'pageSize' | 'treeBranchPageCount' | 'treeLeafPageCount' | 'overflowPages', number>>;

function copyBytes(database: Database): number {
  const { pageSize, treeBranchPageCount, treeLeafPageCount, overflowPages } = database.getStats() as Stats;
  return pageSize * (treeBranchPageCount + treeLeafPageCount + overflowPages);
}

/** Waits until the disk has the files of a copy, and reads them back. */
export async function seal(folder: string): Promise<readonly Sealed[]> {
  const sealed: Sealed[] = [];
  for (const name of await readdir(folder)) {
    const path = join(folder, name);
    const file = await open(path, 'r+');
    await file.sync().finally(() => file.close());
    sealed.push({ name, bytes: (await stat(path)).size, sha256: await sha256Of(path) });
  }
  return sealed;
}

export async function sha256Of(path: string): Promise<string> {
  const hash = createHash('sha256');
  for await (const chunk of createReadStream(path, { highWaterMark: 1_048_576 })) hash.update(chunk as Buffer);
  return hash.digest('hex');
}
