import type { File } from './files.ts';
import { findHeader, headerBytes, lookAt } from './record.ts';

/**
 * What stands in a segment, in order:
 * `record` as it was written; `damage`, bytes that are none, between or behind records; `cut`, the end of a write that did not come to
 * its own end (a process or a machine that went down), which nobody was told of. Offsets are of the file.
 */
export type Step =
  | { readonly kind: 'record'; readonly payload: Buffer; readonly from: number; readonly to: number }
  | { readonly kind: 'damage' | 'cut'; readonly from: number; readonly to: number };

export type Stretch = { readonly salt: number; readonly from: number; readonly to: number };

/** Read at a time: memory is bounded by it and by the largest record. */
const windowBytes = 1_048_576;

/** Goes over a stretch of a segment that begins where a record does. Total: whatever the bytes, every one of them is in one step. */
export async function* stepsOver(file: File, { salt, from, to }: Stretch): AsyncGenerator<Step> {
  let window: Buffer = Buffer.alloc(0);
  let windowAt = from;
  for (let at = from; at < to;) {
    const look = lookAt(window, at - windowAt, salt);
    if (look.kind === 'record') {
      yield { kind: 'record', payload: look.payload, from: at, to: at + look.bytes };
      at += look.bytes;
    } else if (look.kind === 'cut') {
      const needed = { from: at, to: at + look.bytesNeeded };
      const isLoaded = windowAt + window.length >= to;
      if (!isLoaded && needed.to <= to) window = await load(file, at, Math.min(to, Math.max(needed.to, at + windowBytes)));
      windowAt = at;
      if (isLoaded || window.length < look.bytesNeeded) {
        yield { kind: 'cut', from: at, to }; // The record, or the whole file, is shorter than it was said to be.
        return;
      }
    } else {
      const { next, isBlank } = await skipDamage(file, { salt, from: at, to }, look.bytes);
      // A file that grew before its bytes came to the disk holds zeros there.
      yield { kind: next === to && isBlank ? 'cut' : 'damage', from: at, to: next };
      at = next;
      window = Buffer.alloc(0);
      windowAt = at;
    }
  }
}

/** Where it can be gone on behind damage at `from`: at the next header, or at the end. */
async function skipDamage(file: File, { salt, from, to }: Stretch, recordBytes: number | undefined) {
  if (recordBytes !== undefined) return { next: Math.min(to, from + recordBytes), isBlank: false };
  let isBlank = true;
  for (let at = from; at < to;) {
    const window = await load(file, at, Math.min(to, at + windowBytes));
    const found = findHeader(window, at === from ? 1 : 0, salt);
    if (found !== undefined) return { next: at + found, isBlank: false };
    isBlank &&= window.every((byte) => byte === 0);
    if (window.length < headerBytes) break;
    at += window.length - (at + window.length < to ? headerBytes - 1 : 0); // A header may lie across two windows.
  }
  return { next: to, isBlank };
}

async function load(file: File, from: number, to: number): Promise<Buffer> {
  const bytes = Buffer.allocUnsafeSlow(to - from);
  return bytes.subarray(0, await file.read(bytes, from));
}
