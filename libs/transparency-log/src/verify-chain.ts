import type { AuditEntry, AuditHead } from '@waybill/domain';
import { genesisHash, hashLink, headOf } from './chain.ts';
import type { AuditFault, AuditFaultCode } from './faults.ts';

export type ChainVerdict =
  | { readonly ok: true; readonly linksCount: number; readonly head: AuditHead | undefined }
  | { readonly ok: false; readonly linksCount: number; readonly fault: AuditFault };

/** Folds over the links of one partition's chain, from its first; stops at the first that does not fit. */
export function verifyChain(partition: number, entries: Iterable<AuditEntry>): ChainVerdict {
  let head: AuditHead | undefined;
  let linksCount = 0;
  for (const entry of entries) {
    const fault = findLinkFault(partition, head, entry);
    if (fault !== undefined) return { ok: false, linksCount, fault };
    head = headOf(entry);
    linksCount++;
  }
  return { ok: true, linksCount, head };
}

/** What is wrong with `entry` as the next link after `head`; undefined where it fits. */
export function findLinkFault(partition: number, head: AuditHead | undefined, entry: AuditEntry): AuditFault | undefined {
  const fault = (code: AuditFaultCode, reason: string): AuditFault => ({
    code,
    partition,
    seq: entry.seq,
    topic: entry.topic,
    offset: entry.offset,
    reason,
  });
  const expectedSeq = head === undefined ? 0 : head.seq + 1;
  const expectedPrevious = head === undefined ? genesisHash : head.hash;
  if (entry.seq !== expectedSeq) return fault('LINK_OUT_OF_SEQUENCE', `link ${entry.seq} stands where ${expectedSeq} belongs`);
  if (entry.partition !== partition)
    return fault('LINK_OF_OTHER_PARTITION', `link ${entry.seq} names partition ${entry.partition} in the chain of partition ${partition}`);
  if (!entry.previousHash.equals(expectedPrevious))
    return fault(
      'LINK_PREVIOUS_HASH_WRONG',
      `link ${entry.seq} follows ${short(entry.previousHash)}, the one before it is ${short(expectedPrevious)}`,
    );
  const computed = hashLink(entry);
  if (!entry.hash.equals(computed))
    return fault('LINK_HASH_WRONG', `link ${entry.seq} says ${short(entry.hash)}, its fields give ${short(computed)}`);
  return undefined;
}

const short = (hash: Buffer): string => hash.toString('hex').slice(0, 16);
