import { gunzipSync, zstdDecompressSync } from 'node:zlib';
import { crc32c } from '@node-rs/crc32';
import { StreamError, type HeaderBytes, type Headers, type LogRecord, type TopicPartition } from '@waybill/stream';
import { ByteReader, int64At } from './byte-reader.ts';
import { attributes, layout, lengthOverhead, magic } from './record-batch.ts';

export type AbortedTransaction = { readonly producerId: number; readonly firstOffset: number };

/** What a broker answers for one partition. `bytes` are record batches; the last one may be cut off. */
export type FetchedPartition = {
  readonly partition: number;
  /** Taken before the bytes were read: they may reach beyond it. */
  readonly lastStableOffset: number;
  readonly abortedTransactions: readonly AbortedTransaction[];
  readonly bytes: Buffer;
};

/** What a fetch of one partition yields to the application. */
export type FetchResult = {
  readonly records: readonly LogRecord[];
  /** Where to read on; beyond the last record where control records, aborted ones or compaction left nothing to show. */
  readonly next: number;
};

/** Bytes that a compressed batch may grow to. A batch of ours is not compressed and has at most 5 MiB. */
const inflatedBytesMax = 64 * 1_048_576;

type Batch = {
  readonly start: number;
  readonly end: number;
  readonly baseOffset: number;
  readonly lastOffset: number;
  readonly flags: number;
};

/**
 * The committed records of a fetched partition from `fetchOffset` on; control records and what was aborted are left out.
 *
 * Positions go by batches, not by records: one that compaction has emptied still says how far it reaches. A batch may begin before
 * the offset asked for; its CRC is checked whole. Source of the rules on aborted transactions: Kafka's `CompletedFetch`.
 * @throws StreamError `RECORD_CORRUPT` for damaged bytes, `RECORD_UNSUPPORTED` for a compression or format that is not read
 */
export function committedRecords(place: TopicPartition, fetchOffset: number, fetched: FetchedPartition): FetchResult {
  const { bytes } = fetched;
  const isAborted = abortedFilter(fetched);
  const records: LogRecord[] = [];
  let next = fetchOffset;
  let previousLast = -1;
  for (let at = 0; at + layout.records <= bytes.length;) {
    const batch = batchAt(place, bytes, at);
    if (!batch) break; // The broker cuts a response off where its limit is.
    if (batch.baseOffset <= previousLast) throw corrupt(place, batch.baseOffset, `the one before it ends at ${previousLast}`);
    if (!isAborted(batch) && batch.lastOffset >= fetchOffset) readRecords(place, bytes, batch, fetchOffset, records);
    previousLast = batch.lastOffset;
    next = Math.max(next, batch.lastOffset + 1);
    at = batch.end;
  }
  return { records, next };
}

/** @returns `undefined` for a batch that is not there to its end */
function batchAt(place: TopicPartition, bytes: Buffer, start: number): Batch | undefined {
  const baseOffset = int64At(bytes, start + layout.baseOffset);
  const version = bytes[start + layout.magic]!;
  if (version !== magic) {
    const what = version < magic ? 'was written before Kafka 0.11' : `has an unknown format (magic ${version})`;
    throw unsupported(place, baseOffset, `${what}: copy the topic with a current client`);
  }
  const length = bytes.readInt32BE(start + layout.length);
  if (length < layout.records - lengthOverhead) throw corrupt(place, baseOffset, `a length of ${length} bytes is too short`);
  const end = start + lengthOverhead + length;
  if (end > bytes.length) return undefined;
  const crc = crc32c(bytes.subarray(start + layout.attributes, end));
  if (crc !== bytes.readUInt32BE(start + layout.crc)) throw corrupt(place, baseOffset, 'its CRC-32C does not match');
  const lastOffset = baseOffset + bytes.readInt32BE(start + layout.lastOffsetDelta);
  if (lastOffset < baseOffset) throw corrupt(place, baseOffset, `it ends at ${lastOffset}`);
  return { start, end, baseOffset, lastOffset, flags: bytes.readInt16BE(start + layout.attributes) };
}

/**
 * Tells batches to leave out. The broker lists aborted transactions in the order of their ends, not of their beginnings, so they are
 * sorted first; and only a control record of type 0 ends one, never a record whose key happens to have the same bytes.
 */
function abortedFilter({ bytes, abortedTransactions }: FetchedPartition): (batch: Batch) => boolean {
  const isControl = ({ flags }: Batch): boolean => (flags & attributes.isControl) !== 0;
  if (abortedTransactions.length === 0) return isControl;
  const waiting = abortedTransactions.toSorted((a, b) => a.firstOffset - b.firstOffset);
  const open = new Set<number>();
  let begun = 0;
  return (batch) => {
    while (begun < waiting.length && waiting[begun]!.firstOffset <= batch.lastOffset) open.add(waiting[begun++]!.producerId);
    const producerId = int64At(bytes, batch.start + layout.producerId);
    if (isControl(batch)) {
      if (isAbortMarker(bytes, batch)) open.delete(producerId);
      return true;
    }
    return (batch.flags & attributes.isTransactional) !== 0 && open.has(producerId);
  };
}

/** Key of a control record: version int16, type int16; type 0 is ABORT (Kafka protocol, ControlRecordType). */
function isAbortMarker(bytes: Buffer, { start, end }: Batch): boolean {
  if (bytes.readInt32BE(start + layout.recordsCount) === 0) return false; // Compaction has taken the marker: nothing of it is left.
  const reader = new ByteReader(bytes, start + layout.records);
  reader.varint();
  reader.at += 1;
  reader.varlong();
  reader.varint();
  const keyLength = reader.varint();
  return keyLength >= 4 && reader.at + keyLength <= end && bytes.readInt16BE(reader.at + 2) === 0;
}

function readRecords(place: TopicPartition, fetched: Buffer, batch: Batch, fetchOffset: number, into: LogRecord[]): void {
  const { start, baseOffset, lastOffset, flags } = batch;
  const count = fetched.readInt32BE(start + layout.recordsCount);
  const baseTimestamp = int64At(fetched, start + layout.baseTimestamp);
  const appendTime = (flags & attributes.isLogAppendTime) === 0 ? undefined : int64At(fetched, start + layout.maxTimestamp);
  const codec = flags & attributes.codec;
  const bytes = codec === 0 ? fetched : inflate(place, batch, codec, fetched.subarray(start + layout.records, batch.end));
  const end = codec === 0 ? batch.end : bytes.length;
  const reader = new ByteReader(bytes, codec === 0 ? start + layout.records : 0);
  const { topic, partition } = place;
  let previous = baseOffset - 1;
  for (let index = 0; index < count; index++) {
    const length = reader.varint();
    const recordEnd = reader.at + length;
    reader.at += 1; // Attributes of a record are not used.
    const timestampMs = appendTime ?? baseTimestamp + reader.varlong();
    if (appendTime !== undefined) reader.varlong();
    const offset = baseOffset + reader.varint();
    if (length <= 0 || recordEnd > end || offset <= previous || offset > lastOffset) {
      throw corrupt(place, baseOffset, `record ${index} of ${count} is malformed`);
    }
    previous = offset;
    if (offset < fetchOffset) {
      reader.at = recordEnd;
      continue;
    }
    const key = readBytes(reader, recordEnd);
    const value = readBytes(reader, recordEnd);
    const headers = findHeaders(reader, recordEnd);
    if (key === undefined || value === undefined || headers === undefined || reader.at !== recordEnd) {
      throw corrupt(place, baseOffset, `record ${index} of ${count} is malformed`);
    }
    into.push(new FetchedRecord(topic, partition, offset, timestampMs, key, value, headers));
  }
  if (reader.at !== end) throw corrupt(place, baseOffset, `${end - reader.at} bytes are left over`);
}

/** @returns `undefined` where a length leads beyond the end */
function readBytes(reader: ByteReader, end: number): Buffer | null | undefined {
  const length = reader.varint();
  if (length < 0) return length === -1 ? null : undefined;
  const from = reader.at;
  reader.at = from + length;
  return reader.at > end ? undefined : reader.bytes.subarray(from, from + length);
}

/** Its headers are made when they are looked at: most records are only passed on, or asked for their id. */
class FetchedRecord implements LogRecord {
  readonly topic: string;
  readonly partition: number;
  readonly offset: number;
  readonly timestampMs: number;
  readonly key: Buffer | null;
  readonly value: Buffer | null;
  readonly headerBytes: HeaderBytes;
  #headers: Headers | undefined;

  constructor(
    topic: string,
    partition: number,
    offset: number,
    timestampMs: number,
    key: Buffer | null,
    value: Buffer | null,
    headerBytes: HeaderBytes,
  ) {
    this.topic = topic;
    this.partition = partition;
    this.offset = offset;
    this.timestampMs = timestampMs;
    this.key = key;
    this.value = value;
    this.headerBytes = headerBytes;
  }

  get headers(): Headers {
    return (this.#headers ??= readHeaders(this.headerBytes));
  }
}

/** Where headers lie, once all their lengths have been followed. @returns `undefined` where one leads beyond the end */
function findHeaders(reader: ByteReader, end: number): HeaderBytes | undefined {
  const count = reader.varint();
  const start = reader.at;
  if (count < 0) return undefined;
  for (let index = 0; index < count; index++) {
    const nameLength = reader.varint();
    if (nameLength < 0) return undefined;
    reader.at += nameLength;
    const valueLength = reader.varint();
    if (valueLength < -1) return undefined;
    if (valueLength > 0) reader.at += valueLength;
    if (reader.at > end) return undefined;
  }
  return { bytes: reader.bytes, start, end: reader.at, count };
}

/** The last one of a name counts; one without a value is none. */
function readHeaders({ bytes, start, end, count }: HeaderBytes): Headers {
  const reader = new ByteReader(bytes, start);
  const headers: Record<string, Buffer> = {};
  for (let index = 0; index < count; index++) {
    const nameLength = reader.varint();
    const from = reader.at;
    reader.at += nameLength;
    const name = nameAt(reader.bytes, from, reader.at);
    const value = readBytes(reader, end) ?? null;
    if (value === null) delete headers[name];
    else if (name === '__proto__') Object.defineProperty(headers, name, { value, enumerable: true, configurable: true, writable: true });
    else headers[name] = value;
  }
  return headers;
}

/** Names of headers come again with every record: making a string of the same bytes costs more than looking it up. */
const names = new Map<number, { readonly bytes: Buffer; readonly text: string }>();
const namesMax = 512;

function nameAt(bytes: Buffer, from: number, to: number): string {
  let hash = to - from;
  for (let at = from; at < to; at++) hash = (Math.imul(hash, 31) + bytes[at]!) | 0;
  const known = names.get(hash);
  if (known && isEqual(known.bytes, bytes, from, to)) return known.text;
  const text = bytes.toString('utf8', from, to);
  if (!known && names.size < namesMax && to - from <= 64) names.set(hash, { bytes: Buffer.from(bytes.subarray(from, to)), text });
  return text;
}

function isEqual(known: Buffer, bytes: Buffer, from: number, to: number): boolean {
  if (known.length !== to - from) return false;
  for (let index = 0; index < known.length; index++) if (known[index] !== bytes[from + index]) return false;
  return true;
}

/** Ours are not compressed; others may write to the topics that are read. */
function inflate(place: TopicPartition, { baseOffset }: Batch, codec: number, bytes: Buffer): Buffer {
  const options = { maxOutputLength: inflatedBytesMax };
  const [name, run] = codecs[codec] ?? [`codec ${codec}`, undefined];
  if (!run) {
    throw unsupported(
      place,
      baseOffset,
      `is compressed with ${name}: set compression.type of the topic or its writer to gzip, zstd or none`,
    );
  }
  try {
    return run(bytes, options);
  } catch (error) {
    throw corrupt(place, baseOffset, `its ${name} cannot be unpacked within ${inflatedBytesMax} bytes`, error);
  }
}

const codecs: Readonly<Record<number, readonly [string, ((bytes: Buffer, options: { maxOutputLength: number }) => Buffer)?]>> = {
  1: ['gzip', gunzipSync],
  2: ['snappy'],
  3: ['lz4'],
  4: ['zstd', zstdDecompressSync],
};

const named = ({ topic, partition }: TopicPartition, baseOffset: number): string => `the batch at ${topic}/${partition}/${baseOffset}`;

const corrupt = (place: TopicPartition, baseOffset: number, why: string, cause?: unknown): StreamError =>
  new StreamError('RECORD_CORRUPT', `${named(place, baseOffset)} is damaged: ${why}`, { cause });

const unsupported = (place: TopicPartition, baseOffset: number, why: string): StreamError =>
  new StreamError('RECORD_UNSUPPORTED', `${named(place, baseOffset)} ${why}`);
