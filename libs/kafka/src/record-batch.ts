/**
 * Where the fields of a record batch of magic 2 lie, bytes from its start; all numbers are big-endian.
 * Source: Kafka's documentation, "Message format", and `DefaultRecordBatch.java`.
 */
export const layout = {
  baseOffset: 0,
  /** Of what follows this field. */
  length: 8,
  leaderEpoch: 12,
  magic: 16,
  crc: 17,
  /** From here to the end of the batch the CRC covers everything. */
  attributes: 21,
  lastOffsetDelta: 23,
  baseTimestamp: 27,
  maxTimestamp: 35,
  producerId: 43,
  producerEpoch: 51,
  baseSequence: 53,
  recordsCount: 57,
  records: 61,
} as const;

/** Bytes up to and with the field `length`, which it does not count. */
export const lengthOverhead = 12;
export const magic = 2;

export const attributes = { codec: 0x07, isLogAppendTime: 0x08, isTransactional: 0x10, isControl: 0x20 } as const;
