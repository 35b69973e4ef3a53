import { open, readFile, rename, rm, stat, writeFile } from 'node:fs/promises';
import { readFileSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { crc32 } from 'node:zlib';
import { dataFile } from './environment.ts';

/**
 * What the file `mark.json` beside LMDB's says about it. LMDB has no checksums, and it is not synced with every write, so:
 * closed in order, its file must have the checksum it had then. Left open by a process that died, it is as the kernel has it, unless
 * the machine went down too. And a file that has killed every process that opened it is not opened for ever.
 */
export type Mark = {
  readonly format: 1;
  readonly owner: string;
  /** Names a run of the machine. `null` where the system does not tell. */
  readonly bootId: string | null;
  /** Of LMDB's file when it was closed; `null` while it is open. */
  readonly closed: { readonly bytes: number; readonly crc32: number } | null;
  /** How often it has been opened without one write coming of it. */
  readonly opensInVain: number;
};

const markFile = 'mark.json';

const opensInVainMax = 3;

export const newMark = (owner: string, before: Mark | undefined): Mark => ({
  format: 1,
  owner,
  bootId: findBootId(),
  closed: null,
  opensInVain: before?.closed === null ? before.opensInVain + 1 : 1,
});

/**
 * Written whole or not at all. Not synced: should the machine go down before the disk has it, what is there says of LMDB's file either
 * nothing, or a checksum that it has only if nothing was written since.
 */
export async function writeMark(folder: string, mark: Mark): Promise<void> {
  const path = join(folder, markFile);
  const whole = `${path}.${mark.owner}`;
  try {
    await writeFile(whole, JSON.stringify(mark));
    await rename(whole, path);
  } catch (error) {
    await rm(whole, { force: true }).catch(() => undefined); // Or a full disk would gather one with every start.
    throw error;
  }
}

/** `undefined` where there is none, or none that can be read. */
export async function findMark(folder: string): Promise<Mark | undefined> {
  try {
    const mark = JSON.parse(await readFile(join(folder, markFile), 'utf8')) as Partial<Mark> | null;
    return mark?.format === 1 && mark.closed !== undefined && typeof mark.opensInVain === 'number' ? (mark as Mark) : undefined;
  } catch {
    return undefined;
  }
}

/** The next start puts the folder aside, since it does not say how it was left. */
export const distrust = (folder: string): void => rmSync(join(folder, markFile), { force: true });

/** Why LMDB's file must not be opened; `undefined` if it is intact, or not there. */
export async function findDamage(folder: string, mark: Mark | undefined): Promise<string | undefined> {
  const path = join(folder, dataFile);
  const bytes = await stat(path).then(({ size }) => size, () => undefined); // prettier-ignore
  if (bytes === undefined) return undefined;
  if (!mark) return 'it does not say how it was left';
  if (mark.closed) {
    if (bytes !== mark.closed.bytes) return `it has ${bytes} bytes and was closed with ${mark.closed.bytes}`;
    return (await crc32Of(path)) === mark.closed.crc32 ? undefined : 'its checksum is not the one it was closed with';
  }
  if (mark.bootId === null || mark.bootId !== findBootId()) return 'the machine went down while it was open';
  if (mark.opensInVain >= opensInVainMax) return `it was opened ${mark.opensInVain} times and each time the process ended before a write`;
  return findTruncation(path, bytes);
}

export async function closedAs(folder: string): Promise<NonNullable<Mark['closed']>> {
  const path = join(folder, dataFile);
  return { bytes: (await stat(path)).size, crc32: await crc32Of(path) };
}

async function crc32Of(path: string): Promise<number> {
  const file = await open(path);
  try {
    const chunk = Buffer.allocUnsafeSlow(1_048_576);
    let crc = 0;
    for (;;) {
      const { bytesRead } = await file.read(chunk, 0, chunk.length);
      if (bytesRead === 0) return crc;
      crc = crc32(chunk.subarray(0, bytesRead), crc);
    }
  } finally {
    await file.close();
  }
}

/** Where LMDB's two meta pages lie, and in them what is needed here (`MDB_meta` in its source, 64 bit). */
const page = { magicAt: 24, magic: 0xbeefc0de, sizeAt: 48, lastAt: 144, headBytes: 160, sizes: [4_096, 8_192, 16_384, 32_768, 65_536] };

/** Reading a page beyond the end of a mapped file ends the process, so the length is looked at before. */
async function findTruncation(path: string, bytes: number): Promise<string | undefined> {
  const file = await open(path);
  try {
    const head = Buffer.alloc(page.headBytes);
    const read = async (at: number): Promise<boolean> => (await file.read(head, 0, head.length, at)).bytesRead === head.length;
    if (!(await read(0)) || head.readUInt32LE(page.magicAt) !== page.magic) return 'it does not begin as LMDB writes it';
    const pageBytes = head.readUInt32LE(page.sizeAt);
    if (!page.sizes.includes(pageBytes)) return 'its page size makes no sense';
    const last = head.readBigUInt64LE(page.lastAt);
    if (!(await read(pageBytes)) || head.readUInt32LE(page.magicAt) !== page.magic) return 'its second page is not as LMDB writes it';
    const other = head.readBigUInt64LE(page.lastAt);
    const wanted = ((last > other ? last : other) + 1n) * BigInt(pageBytes);
    return BigInt(bytes) < wanted ? `it has ${bytes} of ${wanted} bytes` : undefined;
  } finally {
    await file.close();
  }
}

function findBootId(): string | null {
  try {
    return readFileSync('/proc/sys/kernel/random/boot_id', 'utf8').trim();
  } catch {
    return null;
  }
}
