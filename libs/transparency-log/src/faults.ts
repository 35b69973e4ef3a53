/** What can be wrong with an audit, in plain words. Codes are stable: runbooks refer to them. */
export const auditFaults = {
  LINK_UNREADABLE: 'a record of the audit topic is no audit entry',
  LINK_OUT_OF_SEQUENCE: 'a link is missing, doubled or in the wrong place',
  LINK_OF_OTHER_PARTITION: 'a link belongs to the chain of another partition',
  LINK_PREVIOUS_HASH_WRONG: 'a link does not follow from the one before it',
  LINK_HASH_WRONG: 'a link was changed after it was written',
  CHAIN_TRUNCATED: 'the chain ends before the last link that the audit has recorded',
  RECORD_CHANGED: 'a record is not what it was when it was chained',
  RECORD_GONE: 'a chained record is no longer in its topic, and has not expired',
  RECORD_NOT_CHAINED: 'a record that the audit has passed is missing in the chain',
  RECORD_CHAINED_TWICE: 'a record is in the chain more than once, or out of order',
} as const;

export type AuditFaultCode = keyof typeof auditFaults;

/** First broken place of a chain. */
export type AuditFault = {
  readonly code: AuditFaultCode;
  readonly partition: number;
  /** Link where it shows; null where the fault is a record that no link names. */
  readonly seq: number | null;
  readonly topic: string | null;
  readonly offset: number | null;
  /** One sentence with the values that do not fit. */
  readonly reason: string;
};
