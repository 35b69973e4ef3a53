import { crc32c } from '@node-rs/crc32';
import { systemCode, type File, type Files } from './files.ts';

/** All before it is in the log. */
export type Position = { readonly segment: number; readonly at: number };

export type PositionFile = {
  /** Null where there is none yet. */
  readonly start: Position | null;
  /** True where there was one and it cannot be read: everything that is there is then sent once more. */
  readonly isDamaged: boolean;
  /** Survives the process. */
  readonly write: (position: Position) => Promise<void>;
  /** Survives the machine. */
  readonly sync: () => Promise<void>;
  readonly close: () => Promise<void>;
};

const name = 'position';
/** Segment and offset as uint32, little-endian, and their CRC-32C: within one sector, so it is written as a whole or not at all. */
const fileBytes = 12;

/**
 * It may be behind the truth, at the price of records that are sent again and known by their ids; it is durable before a segment is
 * removed, so a segment that is not there any more, and that it has not passed, was removed by somebody else.
 */
export async function openPosition(files: Files): Promise<PositionFile> {
  const file = await openOrCreate(files);
  const bytes = Buffer.alloc(fileBytes);
  await file.read(bytes, 0);
  const isThere = bytes.some((byte) => byte !== 0); // Zeros: it was made and never came to the disk.
  const isGood = isThere && crc32c(bytes.subarray(0, 8)) === bytes.readUInt32LE(8);
  return {
    start: isGood ? { segment: bytes.readUInt32LE(0), at: bytes.readUInt32LE(4) } : null,
    isDamaged: isThere && !isGood,
    write: (position) => file.write([encode(position)], 0),
    sync: () => file.sync(),
    close: () => file.close(),
  };
}

function encode({ segment, at }: Position): Buffer {
  const bytes = Buffer.alloc(fileBytes);
  bytes.writeUInt32LE(segment, 0);
  bytes.writeUInt32LE(at, 4);
  bytes.writeUInt32LE(crc32c(bytes.subarray(0, 8)), 8);
  return bytes;
}

async function openOrCreate(files: Files): Promise<File> {
  try {
    return await files.open(name);
  } catch (error) {
    if (systemCode(error) !== 'ENOENT') throw error;
    const file = await files.create(name);
    await files.sync();
    return file;
  }
}
