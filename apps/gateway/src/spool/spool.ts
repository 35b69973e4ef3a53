import { SpoolError, type SpoolErrorCode } from './error.ts';
import { systemCode, type File, type Files } from './files.ts';
import { openPosition, type Position, type PositionFile } from './position.ts';
import { encodeRecord, headerBytes } from './record.ts';
import { asideName, findSegment, segmentName, type Segment } from './segment.ts';
import { stepsOver } from './steps.ts';

export type SpoolOptions = {
  readonly files: Files;
  /** Of all segments together. */
  readonly bytesMax: number;
  /** A segment that has grown so large is followed by another one; it goes as a whole when all of it is in the log. */
  readonly segmentBytes: number;
  /** A random uint32 that no sender can know. */
  readonly salt: () => number;
  readonly onNotice: (notice: Notice) => void;
  /** A group has been written and made durable. */
  readonly onSync?: (seconds: number) => void;
  readonly onRefusal?: (code: SpoolErrorCode, count: number) => void;
};

/** What is not as it should be, and does not keep the spool from going on. */
export type Notice =
  | { readonly code: 'SPOOL_SET_ASIDE'; readonly file: string; readonly bytes: number; readonly why: 'damaged' | 'unsendable' }
  | { readonly code: 'SPOOL_SEGMENT_MISSING'; readonly numbers: readonly number[] }
  | { readonly code: 'SPOOL_POSITION_UNREADABLE' }
  | { readonly code: 'SPOOL_TAIL_CUT'; readonly file: string; readonly bytes: number };

/** A payload as it was appended, and where it lies. */
export type Stored = { readonly payload: Buffer; readonly segment: Segment; readonly from: number; readonly to: number };
/** What was read together; `end` is the place behind it. */
export type Batch = { readonly stored: readonly Stored[]; readonly end: Position };

const copyBytes = 1_048_576;

/** @throws whatever the disk says: a spool that cannot be read is no spool */
export async function openSpool(options: SpoolOptions): Promise<Spool> {
  const { files, onNotice } = options;
  const positions = await openPosition(files);
  if (positions.isDamaged) onNotice({ code: 'SPOOL_POSITION_UNREADABLE' });
  const found = (await files.list()).flatMap((name) => findSegment(name) ?? []).sort((a, b) => a.number - b.number);
  const start = startAt(positions.start, found);
  await positions.write(start);
  await positions.sync(); // The process before may not have come to it, and below files go that the position has passed.
  const segments: Segment[] = [];
  let count = 0;
  for (const { name, number, salt } of found) {
    if (number < start.segment) await files.remove(name);
    else {
      const file = await files.open(name);
      const { bytes, recordsCount } = await survey(file, { salt, from: number === start.segment ? start.at : 0, to: await file.bytes() });
      const cutBytes = (await file.bytes()) - bytes;
      if (cutBytes > 0) {
        await file.truncate(bytes);
        onNotice({ code: 'SPOOL_TAIL_CUT', file: name, bytes: cutBytes });
      }
      segments.push({ name, number, salt, file, bytes });
      count += recordsCount;
    }
  }
  await files.sync(); // Of files made just before a crash the later ones could outlive the earlier ones, and look like a gap.
  const missing = gapsIn(segments, positions.start?.segment ?? start.segment);
  if (missing.length > 0) onNotice({ code: 'SPOOL_SEGMENT_MISSING', numbers: missing });
  const spool = new Spool(options, { positions, segments, start, count });
  await spool.acknowledge({ stored: [], end: start }); // Removes what a crash kept from being removed.
  return spool;
}

/** A number is never used for a second file while a place in the first one is remembered. */
function startAt(position: Position | null, found: readonly { readonly number: number }[]): Position {
  if (position === null) return { segment: found[0]?.number ?? 1, at: 0 };
  const isThere = position.at === 0 || found.some(({ number }) => number === position.segment);
  return isThere ? position : { segment: position.segment + 1, at: 0 };
}

/** @returns where the last whole record, or what stands for one, ends */
async function survey(file: File, stretch: { readonly salt: number; readonly from: number; readonly to: number }) {
  let [bytes, recordsCount] = [Math.min(stretch.from, stretch.to), 0];
  for await (const step of stepsOver(file, stretch)) {
    if (step.kind === 'record') recordsCount++;
    if (step.kind !== 'cut') bytes = step.to;
  }
  return { bytes, recordsCount };
}

function gapsIn(segments: readonly Segment[], first: number): readonly number[] {
  const there = new Set(segments.map(({ number }) => number));
  const last = segments.at(-1)?.number ?? first - 1;
  return Array.from({ length: last - first + 1 }, (_, index) => first + index).filter((number) => !there.has(number));
}

type Opened = { readonly positions: PositionFile; readonly segments: Segment[]; readonly start: Position; readonly count: number };

/**
 * A queue of payloads on the local disk: appended in groups, read from its beginning, forgotten once they are in the log.
 *
 * Kept are payloads whose append has resolved; also after kill -9, a loss of power, a full disk or an `fsync` that failed. An append that
 * rejects may nevertheless come out at the other end. One appends at a time, and one reads; both may go on at once.
 */
export class Spool {
  readonly #options: SpoolOptions;
  readonly #positions: PositionFile;
  readonly #segments: Segment[];
  /** What is appended to; undefined until there is something to append, and after a failure. */
  #active: Segment | undefined;
  #isAppending = false;
  #nextNumber: number;
  #position: Position;
  #count: number;

  constructor(options: SpoolOptions, { positions, segments, start, count }: Opened) {
    this.#options = options;
    this.#positions = positions;
    this.#segments = segments;
    this.#position = start;
    this.#count = count;
    this.#nextNumber = Math.max(start.segment, (segments.at(-1)?.number ?? 0) + 1);
  }

  /** Payloads that are not in the log yet. */
  get count(): number {
    return this.#count;
  }

  /** What the segments take of the disk. */
  get usedBytes(): number {
    return this.#segments.reduce((sum, { bytes }) => sum + bytes, 0);
  }

  /** What is not in the log yet. */
  get leftBytes(): number {
    return this.#segments.reduce((sum, segment) => sum + segment.bytes - this.#startOf(segment), 0);
  }

  /** Whether an append of so many bytes would stay within the bound; the disk may have less. */
  hasRoomFor(bytes: number): boolean {
    return this.usedBytes + bytes <= this.#options.bytesMax;
  }

  /** All payloads in one write and one `fdatasync`. @throws SpoolError `SPOOL_FULL` or `SPOOL_FAILED`: then none of them is promised */
  async append(payloads: readonly Buffer[]): Promise<void> {
    const bytes = payloads.reduce((sum, payload) => sum + headerBytes + payload.length, 0);
    this.#isAppending = true;
    try {
      if (!this.hasRoomFor(bytes))
        throw new SpoolError('SPOOL_FULL', `the spool holds ${this.usedBytes} of at most ${this.#options.bytesMax} bytes`);
      const segment = await this.#segmentFor(bytes);
      await this.#write(
        segment,
        payloads.flatMap((payload) => encodeRecord(payload, segment.salt)),
      );
      segment.bytes += bytes;
      this.#count += payloads.length;
    } catch (cause) {
      const error = cause instanceof SpoolError ? cause : fromDisk(cause);
      this.#options.onRefusal?.(error.code, payloads.length);
      throw error;
    } finally {
      this.#isAppending = false;
    }
  }

  /** The oldest payloads that are not in the log yet: none, or one or more up to about `bytesMax`. Damage is set aside and skipped. */
  async read(bytesMax: number, countMax: number): Promise<Batch> {
    const stored: Stored[] = [];
    let end = this.#position;
    let bytes = 0;
    for (const segment of [...this.#segments]) {
      const [from, to] = [this.#startOf(segment), segment.bytes];
      for await (const step of stepsOver(segment.file, { salt: segment.salt, from, to })) {
        if (step.kind === 'record') stored.push({ payload: step.payload, segment, from: step.from, to: step.to });
        else await this.#copyAside(segment, step, 'damaged'); // Also what looks cut off: it was whole when it was promised.
        end = { segment: segment.number, at: step.to };
        bytes += step.to - step.from;
        if (bytes >= bytesMax || stored.length >= countMax) return { stored, end };
      }
    }
    return { stored, end };
  }

  /** Forgets a batch, which is in the log. After a crash some of it may be read again. */
  async acknowledge({ stored, end }: Batch): Promise<void> {
    this.#count -= stored.length;
    this.#position = end;
    const drained = this.#takeDrained();
    const last = drained.at(-1);
    if (last === undefined) return this.#positions.write(end);
    // A segment that has gone must not look as if somebody else had taken it away.
    const [first] = this.#segments;
    this.#position = first === undefined ? { segment: last.number + 1, at: 0 } : { segment: first.number, at: this.#startOf(first) };
    await this.#positions.write(this.#position);
    await this.#positions.sync();
    for (const { file, name } of drained) {
      await file.close();
      await this.#options.files.remove(name);
    }
  }

  /** Keeps in a file beside what is whole and can never be sent. */
  setAside({ segment, from, to }: Stored): Promise<void> {
    return this.#copyAside(segment, { from, to }, 'unsendable');
  }

  async close(): Promise<void> {
    await this.#positions.close();
    for (const { file } of this.#segments) await file.close();
  }

  #startOf({ number, bytes }: Segment): number {
    const { segment, at } = this.#position;
    if (number === segment) return Math.min(at, bytes);
    return number < segment ? bytes : 0;
  }

  /** The segments at the beginning that hold nothing more, but for one that is just being appended to. */
  #takeDrained(): readonly Segment[] {
    const isKept = (segment: Segment): boolean => this.#startOf(segment) < segment.bytes || (segment === this.#active && this.#isAppending);
    const keptAt = this.#segments.findIndex(isKept);
    const drained = this.#segments.splice(0, keptAt < 0 ? this.#segments.length : keptAt);
    if (this.#active !== undefined && drained.includes(this.#active)) this.#active = undefined;
    return drained;
  }

  async #segmentFor(bytes: number): Promise<Segment> {
    const active = this.#active;
    if (active !== undefined && active.bytes + bytes <= this.#options.segmentBytes) return active;
    const { files, salt: random } = this.#options;
    const [number, salt] = [this.#nextNumber, random()];
    const name = segmentName(number, salt);
    const segment: Segment = { name, number, salt, file: await files.create(name), bytes: 0 };
    try {
      await files.sync();
    } catch (error) {
      await this.#discard(segment);
      throw error;
    }
    this.#nextNumber = number + 1;
    this.#segments.push(segment);
    return (this.#active = segment);
  }

  async #write(segment: Segment, pieces: readonly Buffer[]): Promise<void> {
    try {
      const startedMs = performance.now();
      await segment.file.write(pieces, segment.bytes);
      await segment.file.sync();
      this.#options.onSync?.((performance.now() - startedMs) / 1_000);
    } catch (error) {
      // Nothing more goes into this file: after a failed fsync the kernel takes for written what is not, and the next one succeeds.
      this.#active = undefined;
      await segment.file.truncate(segment.bytes).catch(() => undefined);
      if (segment.bytes === 0) {
        this.#segments.splice(this.#segments.indexOf(segment), 1);
        this.#nextNumber = segment.number;
        await this.#discard(segment);
      }
      throw error;
    }
  }

  /** A file that holds nothing which was promised. */
  async #discard({ file, name }: Segment): Promise<void> {
    await file.close().catch(() => undefined);
    await this.#options.files.remove(name).catch(() => undefined);
  }

  async #copyAside(segment: Segment, { from, to }: { readonly from: number; readonly to: number }, why: 'damaged' | 'unsendable') {
    const { files, onNotice } = this.#options;
    const name = asideName(segment.name, from);
    await files.remove(name).catch(() => undefined); // Of an earlier try that did not come to its end.
    const copy = await files.create(name);
    try {
      for (let at = from; at < to;) {
        const bytes = Buffer.alloc(Math.min(copyBytes, to - at));
        const piece = bytes.subarray(0, await segment.file.read(bytes, at));
        if (piece.length === 0) break;
        await copy.write([piece], at - from);
        at += piece.length;
      }
      await copy.sync();
    } finally {
      await copy.close();
    }
    await files.sync();
    onNotice({ code: 'SPOOL_SET_ASIDE', file: name, bytes: to - from, why });
  }
}

const fullCodes = new Set(['ENOSPC', 'EDQUOT', 'EFBIG']);

function fromDisk(cause: unknown): SpoolError {
  const code = systemCode(cause);
  const isFull = code !== undefined && fullCodes.has(code);
  return new SpoolError(isFull ? 'SPOOL_FULL' : 'SPOOL_FAILED', `the spool's disk does not take what it is given: ${code ?? 'unknown'}`, {
    cause,
  });
}
