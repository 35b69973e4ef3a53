import { readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { findManifest, isManifestFile, removeManifest, type Manifest } from './manifest.ts';

/**
 * Whose a store is: of the files `claim-<number>`, each of which can be made once, the one with the greatest number names the owner. Each
 * owner has a manifest of its own, so that one that has lost the store cannot write over what its successor has written.
 *
 * An owner looks before it writes its manifest, and again before it deletes segments that the manifest has ceased to name. A successor
 * claims first and reads then. So either the successor reads the newer manifest, or the older one with all that it names.
 */
type Claim = { readonly number: number; readonly owner: string };

const claimPattern = /^claim-(\d{10})$/;
const claimFile = (number: number): string => `claim-${`${number}`.padStart(10, '0')}`;

/** Makes the store this owner's. @throws Error of the file system */
export function claim(folder: string, owner: string): void {
  for (;;) {
    const number = (claimsOf(folder).at(-1)?.number ?? 0) + 1;
    try {
      writeFileSync(join(folder, claimFile(number)), owner, { flag: 'wx' });
      return;
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code !== 'EEXIST') throw error; // Else another was faster: it is claimed from that one.
    }
  }
}

export const isOwner = (folder: string, owner: string): boolean => claimsOf(folder).at(-1)?.owner === owner;

/**
 * The newest manifest of those who owned the store before.
 * @returns `undefined` where nobody has written one
 * @throws Error that says why what is there cannot be trusted
 */
export function findPredecessor(folder: string, owner: string): Manifest | undefined {
  // Twice: between two looks one of them may have written its manifest and deleted that of the one before it.
  const manifest = newestManifest(folder, owner) ?? newestManifest(folder, owner);
  // A process may die before it has written its first manifest; then there is nothing but claims.
  if (manifest || readdirSync(folder).every((name) => claimPattern.test(name))) return manifest;
  throw new Error('it does not say how it was left');
}

function newestManifest(folder: string, owner: string): Manifest | undefined {
  for (const before of claimsOf(folder).toReversed()) {
    const manifest = before.owner === owner ? undefined : findManifest(folder, before.owner);
    if (manifest) return manifest;
  }
  return undefined;
}

/** What those before this owner have left, once it has a manifest of its own. */
export function removePredecessors(folder: string, owner: string): void {
  const claimed = claimsOf(folder);
  const own = claimed.findIndex((one) => one.owner === owner);
  for (const { number, owner: before } of claimed.slice(0, Math.max(own, 0))) {
    removeManifest(folder, before);
    rmSync(join(folder, claimFile(number)), { force: true });
  }
  const known = new Set(claimed.slice(Math.max(own, 0)).map((one) => one.owner));
  for (const name of readdirSync(folder))
    if (isManifestFile(name) && ![...known].some((one) => name.includes(one))) rmSync(join(folder, name), { force: true });
}

/** In the order of their numbers. One that goes meanwhile, or is being written, names nobody. */
function claimsOf(folder: string): readonly Claim[] {
  return readdirSync(folder)
    .flatMap((name) => claimPattern.exec(name)?.[1] ?? [])
    .toSorted()
    .map((digits) => ({ number: Number(digits), owner: ownerIn(join(folder, `claim-${digits}`)) }));
}

function ownerIn(path: string): string {
  try {
    return readFileSync(path, 'utf8');
  } catch {
    return '';
  }
}
