import type { AuditEntry, AuditHead } from '@waybill/domain';
import { headOf } from './chain.ts';
import type { AuditFault, AuditFaultCode } from './faults.ts';
import { hashRecord, type HashedRecord } from './record-hash.ts';
import { findLinkFault } from './verify-chain.ts';

/** A record of the audit topic; `entry` is null where it cannot be read as one. */
export type ChainRecord = { readonly offset: number; readonly entry: AuditEntry | null };

/** What the log holds for one partition number. The caller reads; this file only compares. */
export type AuditEvidence = {
  readonly partition: number;
  /** Topics that must be in the chain. */
  readonly topics: readonly string[];
  /** The chain from its first link. Must have been asked for after `passed` and `head` were read. */
  readonly chain: AsyncIterable<ChainRecord>;
  /** The chain's last link as its own state topic has it; undefined where nothing was chained yet. */
  readonly head: AuditHead | undefined;
  /** Next offset per topic that the audit has committed: everything below is chained. */
  readonly passed: ReadonlyMap<string, number>;
  /** Records of a topic in [from, to) that are still there, in offset order. */
  readonly records: (topic: string, from: number, to: number) => AsyncIterable<HashedRecord>;
  /** Offset that retention has left as a topic's first, as of now. */
  readonly firstOffset: (topic: string) => Promise<number>;
};

export type AuditReport = {
  readonly partition: number;
  readonly linksCount: number;
  /** Read again from their topics, and the same as when they were chained. */
  readonly recordsVerified: number;
  /** Chained records that retention has removed since. */
  readonly recordsExpired: number;
  readonly head: AuditHead | undefined;
  /** First broken place; null where all holds. */
  readonly fault: AuditFault | null;
};

export type AuditOptions = {
  /** Links compared with their records at a time: bounds memory. */
  readonly windowLinksMax?: number;
  readonly onProgress?: (done: { readonly linksCount: number; readonly recordsVerified: number }) => void;
};

type Tally = { linksCount: number; recordsVerified: number; recordsExpired: number; head: AuditHead | undefined };

/**
 * Proves one partition: every link follows from the one before it, every link's record is still what it was, and every
 * record that the audit has passed is in the chain exactly once. Stops at the first broken place.
 *
 * Chain and topics are compared in windows, each topic's records once and in order, so that memory is bounded however
 * long the log is.
 */
export async function verifyAudit(evidence: AuditEvidence, options: AuditOptions = {}): Promise<AuditReport> {
  const { windowLinksMax = 20_000, onProgress } = options;
  const tally: Tally = { linksCount: 0, recordsVerified: 0, recordsExpired: 0, head: undefined };
  const report = (fault: AuditFault | null): AuditReport => ({ partition: evidence.partition, ...tally, fault });
  /** Next offset per topic that no link has named yet. */
  const chained = new Map<string, number>();
  let window: AuditEntry[] = [];

  const closeWindow = async (): Promise<AuditFault | null> => {
    const fault = await compareWindow(evidence, window, chained, tally);
    window = [];
    onProgress?.(tally);
    return fault;
  };

  for await (const { offset, entry } of evidence.chain) {
    if (entry === null) return report((await closeWindow()) ?? unreadable(evidence.partition, tally.head, offset));
    const broken = findLinkFault(evidence.partition, tally.head, entry) ?? findHeadFault(evidence, entry);
    // Records below the broken link are compared first: the first broken place is the one that counts.
    if (broken !== undefined) return report((await closeWindow()) ?? broken);
    tally.head = headOf(entry);
    tally.linksCount++;
    window.push(entry);
    if (window.length >= windowLinksMax) {
      const fault = await closeWindow();
      if (fault !== null) return report(fault);
    }
  }
  return report((await closeWindow()) ?? findTruncation(evidence, tally.head) ?? (await findUnchained(evidence, chained)));
}

/** Compares the records that a window's links name with those that their topics hold, topic by topic. */
async function compareWindow(
  evidence: AuditEvidence,
  window: readonly AuditEntry[],
  chained: Map<string, number>,
  tally: Tally,
): Promise<AuditFault | null> {
  const faults: AuditFault[] = [];
  for (const [topic, links] of Map.groupBy(window, (entry) => entry.topic)) {
    const fault = await compareTopic(evidence, topic, links, chained, tally);
    if (fault !== null) faults.push(fault);
  }
  return faults.sort((a, b) => (a.seq ?? Infinity) - (b.seq ?? Infinity))[0] ?? null;
}

async function compareTopic(
  evidence: AuditEvidence,
  topic: string,
  links: readonly AuditEntry[],
  chained: Map<string, number>,
  tally: Tally,
): Promise<AuditFault | null> {
  const { partition } = evidence;
  const from = chained.get(topic) ?? 0;
  const disorder = findDisorder(partition, from, links);
  const inOrder = disorder === null ? links : links.slice(0, links.indexOf(disorder.link));
  const to = (inOrder.at(-1)?.offset ?? from - 1) + 1;
  const expected = inOrder[Symbol.iterator]();
  let link = expected.next().value;
  /** The first offset still kept is asked for after the read: retention may work while we do. */
  const passOver = async (until: number): Promise<AuditFault | null> => {
    const first = link !== undefined && link.offset < until ? await evidence.firstOffset(topic) : 0;
    for (; link !== undefined && link.offset < until; link = expected.next().value) {
      if (link.offset >= first)
        return recordFault(
          'RECORD_GONE',
          link,
          `${place(link)} is not in the log; the first offset that retention has left is ${String(first)}`,
        );
      tally.recordsExpired++;
    }
    return null;
  };

  for await (const record of evidence.records(topic, from, to)) {
    const gone = await passOver(record.offset);
    if (gone !== null) return gone;
    if (link?.offset !== record.offset) return notChained(partition, record, link);
    const actual = hashRecord(record);
    if (!actual.equals(link.recordHash))
      return recordFault(
        'RECORD_CHANGED',
        link,
        `${place(link)} hashes to ${short(actual)}, link ${link.seq} has ${short(link.recordHash)}`,
      );
    tally.recordsVerified++;
    link = expected.next().value;
  }
  const gone = await passOver(to);
  if (gone !== null) return gone;
  chained.set(topic, to);
  return disorder?.fault ?? null;
}

/** A topic's offsets rise along its chain: what does not rise was chained before. */
function findDisorder(
  partition: number,
  from: number,
  links: readonly AuditEntry[],
): { readonly link: AuditEntry; readonly fault: AuditFault } | null {
  let next = from;
  for (const link of links) {
    if (link.offset < next)
      return {
        link,
        fault: recordFault('RECORD_CHAINED_TWICE', link, `link ${link.seq} of partition ${partition} names ${place(link)} again`),
      };
    next = link.offset + 1;
  }
  return null;
}

/** Records below the committed position that no link names. */
async function findUnchained(evidence: AuditEvidence, chained: ReadonlyMap<string, number>): Promise<AuditFault | null> {
  for (const topic of evidence.topics) {
    const [from, to] = [chained.get(topic) ?? 0, evidence.passed.get(topic) ?? 0];
    if (from >= to) continue;
    for await (const record of evidence.records(topic, from, to)) return notChained(evidence.partition, record, undefined);
  }
  return null;
}

function findHeadFault({ partition, head }: AuditEvidence, entry: AuditEntry): AuditFault | undefined {
  if (head?.seq !== entry.seq || head.hash.equals(entry.hash)) return undefined;
  const reason = `link ${entry.seq} has ${short(entry.hash)}, the audit recorded ${short(head.hash)} for it`;
  return { code: 'LINK_HASH_WRONG', partition, seq: entry.seq, topic: entry.topic, offset: entry.offset, reason };
}

function findTruncation({ partition, head }: AuditEvidence, last: AuditHead | undefined): AuditFault | null {
  if (head === undefined || (last?.seq ?? -1) >= head.seq) return null;
  const reason = `the chain ends at link ${last?.seq ?? 'none'}, the audit has recorded link ${head.seq}`;
  return { code: 'CHAIN_TRUNCATED', partition, seq: head.seq, topic: null, offset: null, reason };
}

function unreadable(partition: number, head: AuditHead | undefined, offset: number): AuditFault {
  const reason = `the record at offset ${offset} of the audit topic is no audit entry`;
  return { code: 'LINK_UNREADABLE', partition, seq: head === undefined ? 0 : head.seq + 1, topic: null, offset, reason };
}

function notChained(partition: number, record: HashedRecord, before: AuditEntry | undefined): AuditFault {
  const reason = `${place(record)} is in the log, but no link names it`;
  return { code: 'RECORD_NOT_CHAINED', partition, seq: before?.seq ?? null, topic: record.topic, offset: record.offset, reason };
}

const recordFault = (code: AuditFaultCode, link: AuditEntry, reason: string): AuditFault => ({
  code,
  partition: link.partition,
  seq: link.seq,
  topic: link.topic,
  offset: link.offset,
  reason,
});

const place = (at: { readonly topic: string; readonly partition: number; readonly offset: number }): string =>
  `${at.topic}/${at.partition}/${at.offset}`;
const short = (hash: Buffer): string => hash.toString('hex').slice(0, 16);
