import { open, readdir, unlink } from 'node:fs/promises';

/** What the spool asks of a disk: little enough for a test to be one that fails, lies and loses its power. */
export type Files = {
  readonly list: () => Promise<readonly string[]>;
  /** @throws `EEXIST` */
  readonly create: (name: string) => Promise<File>;
  /** For reading and writing. @throws `ENOENT` */
  readonly open: (name: string) => Promise<File>;
  readonly remove: (name: string) => Promise<void>;
  /** Makes names durable: of files that are new or removed. */
  readonly sync: () => Promise<void>;
};

export type File = {
  /** All of it, or it rejects: then any part of it may be there. */
  readonly write: (pieces: readonly Buffer[], at: number) => Promise<void>;
  /** @returns bytes read: less than the buffer holds only at the end of the file */
  readonly read: (into: Buffer, at: number) => Promise<number>;
  readonly truncate: (bytes: number) => Promise<void>;
  /** Makes what was written durable. After a failure nobody knows what is: the kernel forgets what it could not write. */
  readonly sync: () => Promise<void>;
  readonly bytes: () => Promise<number>;
  readonly close: () => Promise<void>;
};

/** The files of one folder, which is there. */
export function filesIn(dir: string): Files {
  const pathOf = (name: string): string => `${dir}/${name}`;
  return {
    list: () => readdir(dir),
    create: (name) => openFile(pathOf(name), 'wx+'),
    open: (name) => openFile(pathOf(name), 'r+'),
    remove: (name) => unlink(pathOf(name)),
    async sync() {
      const folder = await open(dir, 'r');
      try {
        await folder.sync();
      } finally {
        await folder.close();
      }
    },
  };
}

async function openFile(path: string, flags: string): Promise<File> {
  const handle = await open(path, flags, 0o600); // Deliveries are nobody else's business.
  return {
    async write(pieces, at) {
      // A disk that is nearly full takes a part and says so only on the next call.
      for (let rest = Buffer.concat(pieces); rest.length > 0;) {
        const { bytesWritten } = await handle.write(rest, 0, rest.length, at);
        rest = rest.subarray(bytesWritten);
        at += bytesWritten;
      }
    },
    async read(into, at) {
      let count = 0;
      for (let bytesRead = -1; bytesRead !== 0 && count < into.length; count += bytesRead)
        ({ bytesRead } = await handle.read(into, count, into.length - count, at + count));
      return count;
    },
    truncate: (bytes) => handle.truncate(bytes),
    sync: () => handle.datasync(),
    bytes: async () => (await handle.stat()).size,
    close: () => handle.close(),
  };
}

/** The `code` of a system call's error, `ENOSPC` say. */
export const systemCode = (error: unknown): string | undefined => (error as NodeJS.ErrnoException).code;
