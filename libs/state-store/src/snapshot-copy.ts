import { createHash } from 'node:crypto';
import { createReadStream } from 'node:fs';
import { copyFile, mkdir, open, readdir, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { refuseFull } from './disk-space.ts';
import type { Manifest } from './manifest.ts';

/** What a copy holds. */
export type Copied = Pick<Manifest, 'changelog' | 'segments' | 'writtenAtMs'>;
/** What a file of it can be checked by. */
export type Sealed = { readonly name: string; readonly bytes: number; readonly sha256: string };

/**
 * Copies the segments of a manifest into a new folder. None of them must be deleted meanwhile.
 * @throws Error when the disk of the copies has no room for them, before it takes any
 */
export async function copyTo(folder: string, { changelog, segments, writtenAtMs }: Manifest, to: string): Promise<Copied> {
  await mkdir(to, { recursive: true });
  refuseFull(to, segments.reduce((sum, { bytes }) => sum + bytes, 0)); // prettier-ignore
  for (const { file } of segments) await copyFile(join(folder, file), join(to, file));
  return { changelog, segments, ...(writtenAtMs !== undefined && { writtenAtMs }) };
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
