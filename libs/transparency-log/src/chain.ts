import { createHash } from 'node:crypto';
import type { AuditEntry, AuditHead } from '@waybill/domain';
import { frame } from './framing.ts';
import { hashRecord, type HashedRecord } from './record-hash.ts';

/** First in what is hashed, so that a link's hash can never be taken for a record's. */
const domain = 'waybill.link.v1';

/** `previousHash` of the first link. */
export const genesisHash: Buffer = Buffer.alloc(32);

/** Identity of the event in a record, as its headers say it; hashed with the link, so that it cannot be changed later. */
export type EventIdentity = { readonly eventId: string | null; readonly eventType: string | null };

/** The link that takes `record` into the chain that ends with `head` (none: the chain begins). */
export function linkRecord(head: AuditHead | undefined, record: HashedRecord, identity: EventIdentity): AuditEntry {
  const unsigned = {
    seq: head === undefined ? 0 : head.seq + 1,
    previousHash: head === undefined ? genesisHash : head.hash,
    topic: record.topic,
    partition: record.partition,
    offset: record.offset,
    timestampMs: record.timestampMs,
    recordHash: hashRecord(record),
    eventId: identity.eventId,
    eventType: identity.eventType,
  };
  return { ...unsigned, hash: hashLink(unsigned) };
}

export const headOf = (entry: AuditEntry): AuditHead => ({ seq: entry.seq, hash: entry.hash });

/** SHA-256 over every field of a link but the hash itself. */
export function hashLink(entry: Omit<AuditEntry, 'hash'>): Buffer {
  const { seq, previousHash, recordHash, topic, partition, offset, timestampMs, eventId, eventType } = entry;
  return createHash('sha256')
    .update(frame([domain, seq, previousHash, recordHash, topic, partition, offset, timestampMs, eventId, eventType]))
    .digest();
}
