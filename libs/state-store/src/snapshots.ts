import { randomUUID } from 'node:crypto';
import { copyFile, open, readdir, readFile, rename, rm, stat } from 'node:fs/promises';
import { basename, join } from 'node:path';
import { awayMsMax } from '@waybill/stream';
import { isSegmentFile, type SegmentEntry } from './segment-list.ts';
import { sha256Of, type Copied, type Sealed } from './snapshot-copy.ts';

/** Whose snapshots: they may lie on a disk that all instances share. */
export type SnapshotPlace = { readonly folder: string; readonly group: string; readonly partition: number };

/** What a snapshot says of itself, beside the copies of the store's segments. */
export type SnapshotManifest = {
  readonly format: 3;
  readonly group: string;
  readonly partition: number;
  /** Next offset per state topic that the rows stand for. */
  readonly changelog: readonly (readonly [topic: string, next: number])[];
  readonly writtenAtMs?: number;
  /** Of each store the oldest first. */
  readonly segments: readonly SegmentEntry[];
  /** At most: the newer ones of a key are counted with the older ones until they are merged. */
  readonly rows: number;
  readonly bytes: number;
  readonly files: readonly Sealed[];
  readonly createdAtMs: number;
};

/** The two steps of a copy; only during the first is the store needed. */
export type Copier = { readonly copy: (to: string) => Promise<Copied>; readonly seal: (to: string) => Promise<readonly Sealed[]> };

const manifestFile = 'manifest.json';
const unfinished = '.unfinished-';
const keptMax = 2;

const folderOf = ({ folder, group, partition }: SnapshotPlace): string => join(folder, `${group}-${partition}`);

/**
 * A snapshot is a folder that appears whole, by a rename, after everything in it has reached the disk. Of older ones the newest is kept.
 * @throws Error of the file system, or of the copier, with the snapshots as they were
 */
export async function takeSnapshot(place: SnapshotPlace, copier: Copier, nowMs: number): Promise<SnapshotManifest> {
  const folder = folderOf(place);
  const temporary = join(folder, `${unfinished}${randomUUID()}`);
  try {
    const copied = await copier.copy(temporary);
    const files = await copier.seal(temporary);
    const bytes = files.reduce((sum, file) => sum + file.bytes, 0);
    const rows = copied.segments.reduce((sum, segment) => sum + segment.rows, 0);
    const { group, partition } = place;
    const manifest: SnapshotManifest = { format: 3, group, partition, ...copied, rows, bytes, files, createdAtMs: nowMs };
    await writeSynced(join(temporary, manifestFile), JSON.stringify(manifest));
    await rename(temporary, join(folder, `${nowMs}`.padStart(16, '0')));
    await syncFolder(folder);
    await pruneSnapshots(place);
    return manifest;
  } catch (error) {
    await rm(temporary, { recursive: true, force: true }).catch(() => undefined); // The cause is what matters.
    throw error;
  }
}

/**
 * Copies the segments of the newest snapshot that can be trusted to where a store is to open them.
 * @returns its manifest, or `undefined` where there is none; why others were not taken goes to `onRefused`
 */
export async function installSnapshot(
  place: SnapshotPlace,
  storeFolder: string,
  nowMs: number,
  onRefused: (reason: string) => void,
): Promise<SnapshotManifest | undefined> {
  const folder = folderOf(place);
  for (const name of (await listSnapshots(folder)).toReversed()) {
    const path = join(folder, name);
    try {
      const manifest = parseManifest(await readFile(join(path, manifestFile), 'utf8'), place, nowMs);
      for (const file of manifest.files) await install(file, path, storeFolder);
      return manifest;
    } catch (error) {
      onRefused(`${path}: ${error instanceof Error ? error.message : String(error)}`);
    }
  }
  return undefined;
}

async function install({ name, bytes, sha256 }: Sealed, from: string, to: string): Promise<void> {
  if (!isSegmentFile(name)) throw new Error(`it names a file ${name}`);
  const target = join(to, name);
  await copyFile(join(from, name), target);
  if ((await stat(target)).size !== bytes) throw new Error(`the copy of ${name} is not as long as it should be`);
  if ((await sha256Of(target)) !== sha256) throw new Error(`the checksum of the copy of ${name} is another`);
}

/** When the newest was taken; `undefined` where there is none. */
export async function newestAtMs(place: SnapshotPlace): Promise<number | undefined> {
  const newest = (await listSnapshots(folderOf(place))).at(-1);
  return newest === undefined ? undefined : Number(newest);
}

/** Names, the oldest first: they are times. */
async function listSnapshots(folder: string): Promise<readonly string[]> {
  const names = await readdir(folder).catch(() => []);
  return names.filter((name) => /^\d{16}$/.test(name)).toSorted();
}

/** @throws Error that says why it is not to be used */
function parseManifest(text: string, { group, partition }: SnapshotPlace, nowMs: number): SnapshotManifest {
  const manifest = JSON.parse(text) as Partial<SnapshotManifest> | null;
  if (manifest?.format !== 3) throw new Error('its manifest is of another format');
  if (manifest.group !== group || manifest.partition !== partition)
    throw new Error(`it is of ${manifest.group}-${manifest.partition}, not of ${group}-${partition}`);
  const { files, createdAtMs, changelog, segments } = manifest;
  const hasFiles =
    Array.isArray(files) &&
    files.every(isSealed) &&
    Array.isArray(segments) &&
    segments.every(({ file }) => files.some(({ name }) => name === file));
  if (!hasFiles || !Number.isSafeInteger(createdAtMs) || !Array.isArray(changelog)) throw new Error('its manifest is not complete');
  if (nowMs - createdAtMs! > awayMsMax) throw new Error('it is too old: deletions since may be gone from the log');
  return manifest as SnapshotManifest;
}

/** A name alone, not a path: what comes from a disk that others write to must not lead elsewhere. */
const isSealed = (file: Partial<Sealed> | null): file is Sealed =>
  typeof file?.name === 'string' &&
  basename(file.name) === file.name &&
  Number.isSafeInteger(file.bytes) &&
  typeof file.sha256 === 'string';

/**
 * Keeps the newest ones. What is unfinished belongs to nobody: a partition has one owner, which takes one snapshot at a time, and calls
 * this when it has none under way.
 */
export async function pruneSnapshots(place: SnapshotPlace): Promise<void> {
  const folder = folderOf(place);
  const old = (await listSnapshots(folder)).slice(0, -keptMax);
  const left = (await readdir(folder).catch(() => [])).filter((name) => name.startsWith(unfinished));
  for (const name of [...old, ...left]) await rm(join(folder, name), { recursive: true, force: true });
}

async function writeSynced(path: string, text: string): Promise<void> {
  const file = await open(path, 'w');
  try {
    await file.writeFile(text);
    await file.sync();
  } finally {
    await file.close();
  }
}

async function syncFolder(path: string): Promise<void> {
  const folder = await open(path);
  await folder.sync().finally(() => folder.close());
}
