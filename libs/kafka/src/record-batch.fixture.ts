// Batches as a broker gives them: with offsets, flags and producers of all kinds.
import { crc32c } from '@node-rs/crc32';
import type { NewRecord } from '@waybill/stream';
import { ByteWriter } from './byte-writer.ts';
import { attributes, layout } from './record-batch.ts';
import { anonymous, contentSize, planBatch, writeBatch, type BatchProducer } from './record-batch-encoder.ts';

export function encodeBatch(records: readonly NewRecord[], producer: BatchProducer = anonymous, baseSequence = -1, nowMs = 1_000): Buffer {
  const plan = planBatch(records, records.map(contentSize), baseSequence, nowMs);
  const writer = new ByteWriter(plan.size);
  writeBatch(writer, plan, producer);
  return writer.bytes;
}

export type StoredBatch = {
  readonly baseOffset: number;
  readonly lastOffset?: number;
  readonly producerId?: number;
  readonly isTransactional?: boolean;
  readonly isControl?: boolean;
  /** Bits of the attributes besides. */
  readonly flags?: number;
  /** In place of the records' bytes, for compressed and for malformed ones. */
  readonly body?: Buffer;
  readonly maxTimestamp?: number;
};

/** A batch as it lies in the log. Without records: what compaction leaves of one. */
export function storedBatch(records: readonly NewRecord[], options: StoredBatch): Buffer {
  const { baseOffset, producerId = -1, lastOffset = baseOffset + records.length - 1, maxTimestamp } = options;
  const any: NewRecord = { topic: 't', partition: 0, key: null, value: null, headers: {} };
  const encoded = encodeBatch(records.length > 0 ? records : [any]);
  const body = options.body ?? (records.length > 0 ? encoded.subarray(layout.records) : Buffer.alloc(0));
  const batch = Buffer.concat([encoded.subarray(0, layout.records), body]);
  const flags =
    (options.flags ?? 0) | (options.isTransactional ? attributes.isTransactional : 0) | (options.isControl ? attributes.isControl : 0);
  batch.writeBigInt64BE(BigInt(baseOffset), layout.baseOffset);
  batch.writeInt32BE(batch.length - 12, layout.length);
  batch.writeInt16BE(flags, layout.attributes);
  batch.writeInt32BE(lastOffset - baseOffset, layout.lastOffsetDelta);
  batch.writeBigInt64BE(BigInt(producerId), layout.producerId);
  batch.writeInt32BE(records.length, layout.recordsCount);
  if (maxTimestamp !== undefined) batch.writeBigInt64BE(BigInt(maxTimestamp), layout.maxTimestamp);
  return sealed(batch);
}

/** With the CRC that its bytes have now. */
export function sealed(batch: Buffer): Buffer {
  batch.writeUInt32BE(crc32c(batch.subarray(layout.attributes)), layout.crc);
  return batch;
}
