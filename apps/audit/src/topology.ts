import { auditedTopics, topics } from '@waybill/domain';
import type { Context, Input, LogRecord, Step, Topology } from '@waybill/stream';
import { headOf, linkRecord } from '@waybill/transparency-log';

const headKey = 'head';
/** Ids of ours are UUIDs and type names; anything longer was not written by Waybill and stays out of the link. */
const identityLengthMax = 200;

/**
 * Every event topic -> one hash chain per partition in `audit`; its last link in `audit-heads`.
 *
 * Records are taken as bytes, so that what cannot be decoded is chained too. The chain of partition n holds the records of
 * partition n of all topics in the order in which this app read them; link, head and consumed offset are one transaction, so
 * that a crash leaves neither a gap nor a link twice.
 */
export const audit: Topology = {
  group: 'audit',
  inputs: auditedTopics,
  stores: { heads: topics.auditHeads },
  outputs: [topics.audit],
  held: topics.auditHeld,
  decode: 'raw',
  handle,
};

function handle(input: Input, context: Context): Step {
  if (input.kind !== 'record') return { ignored: `no record: ${input.kind}` };
  const { record } = input;
  const identity = { eventId: findText(record, 'ce_id'), eventType: findText(record, 'ce_type') };
  const entry = linkRecord(context.get('heads', headKey, 'AuditHead'), record, identity);
  const correlationId = findText(record, 'correlationid');
  return {
    emit: [
      {
        topic: topics.audit,
        key: String(record.partition),
        // A chain lives in the partition that it is about: the key alone would send it to another one.
        partition: record.partition,
        subject: `${record.topic}/${record.partition}/${record.offset}`,
        event: { type: 'AuditEntry', data: entry },
        ...(correlationId === null ? {} : { correlationId }),
      },
    ],
    put: [{ store: 'heads', key: headKey, row: { type: 'AuditHead', data: headOf(entry) } }],
  };
}

function findText(record: LogRecord, header: string): string | null {
  const value = record.headers[header];
  return value === undefined || value.length === 0 || value.length > identityLengthMax ? null : value.toString('utf8');
}
