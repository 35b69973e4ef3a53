import { createHash } from 'node:crypto';
import { type Field, frame } from './framing.ts';

/** A record as it lies in the log; what `LogRecord` of the stream port has. */
export type HashedRecord = {
  readonly topic: string;
  readonly partition: number;
  readonly offset: number;
  readonly timestampMs: number;
  readonly key: Buffer | null;
  readonly value: Buffer | null;
  readonly headers: Readonly<Record<string, Buffer>>;
};

/** First in what is hashed, so that a record's hash can never be taken for a link's. */
const domain = 'waybill.record.v1';

/**
 * SHA-256 over everything that a reader of the log can see of a record: where it lies, when, key, value and headers.
 * Headers are sorted by the bytes of their names: clients do not agree on their order.
 */
export function hashRecord(record: HashedRecord): Buffer {
  const headers = Object.entries(record.headers)
    .map(([name, value]): readonly [Buffer, Buffer] => [Buffer.from(name, 'utf8'), value])
    .sort(([a], [b]) => Buffer.compare(a, b));
  const fields: Field = [domain, record.topic, record.partition, record.offset, record.timestampMs, record.key, record.value, headers];
  return createHash('sha256').update(frame(fields)).digest();
}
