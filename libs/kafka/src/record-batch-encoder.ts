import { crc32c } from '@node-rs/crc32';
import type { NewRecord } from '@waybill/stream';
import { textSize, varintSize, varlongSize, type ByteWriter } from './byte-writer.ts';
import { attributes, layout, lengthOverhead, magic } from './record-batch.ts';

/** Whose batch it is; the broker orders and de-duplicates by it. */
export type BatchProducer = { readonly producerId: number; readonly producerEpoch: number; readonly isTransactional: boolean };

/** A batch of somebody without a producer id. */
export const anonymous: BatchProducer = { producerId: -1, producerEpoch: -1, isTransactional: false };

export type BatchPlan = {
  readonly records: readonly NewRecord[];
  readonly baseSequence: number;
  /** Bytes of each record's body, which stand before it: they have to be known before it is written. */
  readonly bodySizes: readonly number[];
  readonly baseTimestamp: number;
  /** Bytes of the whole batch. */
  readonly size: number;
  readonly nowMs: number;
};

/** Bytes of a record's key, value and headers: what does not depend on its place in a batch. */
export function contentSize(record: NewRecord): number {
  const { key, value, headerBytes } = record;
  const keySize = key === null ? 0 : textSize(key);
  let size = varintSize(key === null ? -1 : keySize) + keySize;
  size += value === null ? varintSize(-1) : varintSize(value.length) + value.length;
  if (headerBytes) return size + varintSize(headerBytes.count) + headerBytes.end - headerBytes.start;
  const { headers } = record;
  const names = Object.keys(headers);
  size += varintSize(names.length);
  for (const name of names) {
    const nameSize = textSize(name);
    const valueSize = headers[name]!.length;
    size += varintSize(nameSize) + nameSize + varintSize(valueSize) + valueSize;
  }
  return size;
}

/**
 * Sizes of a batch, computed so that it can be written in one go into the buffer of its request.
 * @param contentSizes Of `contentSize`, per record
 * @param nowMs Time of records that name none
 */
export function planBatch(records: readonly NewRecord[], contentSizes: readonly number[], baseSequence: number, nowMs: number): BatchPlan {
  const baseTimestamp = records[0]!.timestampMs ?? nowMs;
  let size = layout.records;
  const bodySizes = records.map((record, index) => {
    const timestampDelta = (record.timestampMs ?? nowMs) - baseTimestamp;
    const body = 1 + varlongSize(timestampDelta) + varintSize(index) + contentSizes[index]!;
    size += varintSize(body) + body;
    return body;
  });
  return { records, baseSequence, bodySizes, baseTimestamp, size, nowMs };
}

/** Writes `plan.size` bytes. @throws Error where a record has changed since it was planned */
export function writeBatch(writer: ByteWriter, plan: BatchPlan, producer: BatchProducer): void {
  const { records, bodySizes, baseTimestamp, nowMs } = plan;
  const start = writer.at;
  writer.at = start + layout.records;
  let maxTimestamp = baseTimestamp;
  for (let index = 0; index < records.length; index++) {
    const record = records[index]!;
    const timestamp = record.timestampMs ?? nowMs;
    if (timestamp > maxTimestamp) maxTimestamp = timestamp;
    writer.varint(bodySizes[index]!);
    writer.int8(0);
    writer.varlong(timestamp - baseTimestamp);
    writer.varint(index);
    writeContent(writer, record);
  }
  if (writer.at !== start + plan.size) throw new Error('a record has changed while it was being sent');
  writeHeader(writer, start, plan, producer, maxTimestamp);
}

function writeContent(writer: ByteWriter, record: NewRecord): void {
  const { key, value, headerBytes } = record;
  if (key === null) writer.varint(-1);
  else writer.varintText(key);
  if (value === null) writer.varint(-1);
  else writer.varintBytes(value);
  if (headerBytes) {
    writer.varint(headerBytes.count);
    writer.raw(headerBytes.bytes.subarray(headerBytes.start, headerBytes.end));
    return;
  }
  const { headers } = record;
  const names = Object.keys(headers);
  writer.varint(names.length);
  for (const name of names) {
    writer.varintText(name);
    writer.varintBytes(headers[name]!);
  }
}

/** Last, because of the CRC. */
function writeHeader(writer: ByteWriter, start: number, plan: BatchPlan, producer: BatchProducer, maxTimestamp: number): void {
  const end = writer.at;
  writer.at = start;
  writer.int64(0); // The broker sets the offset, and the leader's epoch.
  writer.int32(plan.size - lengthOverhead);
  writer.int32(0);
  writer.int8(magic);
  writer.at = start + layout.attributes;
  writer.int16(producer.isTransactional ? attributes.isTransactional : 0);
  writer.int32(plan.records.length - 1);
  writer.int64(plan.baseTimestamp);
  writer.int64(maxTimestamp);
  writer.int64(producer.producerId);
  writer.int16(producer.producerEpoch);
  writer.int32(plan.baseSequence);
  writer.int32(plan.records.length);
  writer.at = start + layout.crc;
  writer.uint32(crc32c(writer.bytes.subarray(start + layout.attributes, end)));
  writer.at = end;
}
