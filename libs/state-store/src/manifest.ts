import { readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { crc32 } from 'node:zlib';
import type { StorePosition } from '@waybill/stream';
import type { SegmentEntry } from './segment-list.ts';

/** What a store consists of and where its rows stand: one text, so that neither can be ahead of the other. */
export type Manifest = {
  readonly format: 1;
  readonly changelog: readonly (readonly [topic: string, next: number])[];
  readonly writtenAtMs?: number;
  /** Of each store the oldest first. */
  readonly segments: readonly SegmentEntry[];
  /** Names a run of the machine. `null` where the system does not tell. */
  readonly bootId: string | null;
  /** Whether the store was closed in order. */
  readonly isClosed: boolean;
  /** Why it is not to be trusted: found when a row was read. */
  readonly damage?: string;
};

export const newManifest = (): Manifest => ({ format: 1, changelog: [], segments: [], bootId: findBootId(), isClosed: false });

export const positionOf = ({ changelog }: Manifest): StorePosition => ({ changelog: new Map(changelog) });

const manifestFile = (owner: string): string => `manifest-${owner}.json`;
export const isManifestFile = (name: string): boolean => /^manifest-.+\.json(\.new)?$/.test(name);

/**
 * Whole or not at all. Not synced: what was written survives the death of the process, not that of the machine, which `bootId` tells.
 * @throws Error of the file system
 */
export function writeManifest(folder: string, owner: string, manifest: Manifest): void {
  const path = join(folder, manifestFile(owner));
  const text = JSON.stringify(manifest);
  try {
    writeFileSync(`${path}.new`, `${text}\n${checksum(text)}\n`);
    renameSync(`${path}.new`, path);
  } catch (error) {
    rmSync(`${path}.new`, { force: true }); // Or a full disk would gather one with every start.
    throw error;
  }
}

/** @returns `undefined` where this owner has none @throws Error that says what is wrong with it */
export function findManifest(folder: string, owner: string): Manifest | undefined {
  let text: string;
  try {
    text = readFileSync(join(folder, manifestFile(owner)), 'utf8');
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return undefined;
    throw error;
  }
  const [json = '', crc] = text.split('\n');
  if (crc !== checksum(json)) throw new Error('the checksum of its manifest is another');
  const manifest = JSON.parse(json) as Manifest & { readonly format: number };
  if (manifest.format !== 1) throw new Error('its manifest is of another format');
  if (manifest.damage !== undefined) throw new Error(manifest.damage);
  return manifest;
}

export const removeManifest = (folder: string, owner: string): void => rmSync(join(folder, manifestFile(owner)), { force: true });

const checksum = (text: string): string => crc32(text).toString(16).padStart(8, '0');

export function findBootId(): string | null {
  try {
    return readFileSync('/proc/sys/kernel/random/boot_id', 'utf8').trim();
  } catch {
    return null;
  }
}
