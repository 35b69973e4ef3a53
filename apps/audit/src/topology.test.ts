import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { type AuditEntry, auditedTopics, topics } from '@waybill/domain';
import type { LogRecord } from '@waybill/stream';
import { topologyDriver } from '@waybill/stream/testing';
import { hashRecord, verifyChain } from '@waybill/transparency-log';
import { audit } from './topology.ts';

const record = (topic: { readonly name: string }, offset: number, change: Partial<LogRecord> = {}): LogRecord => ({
  topic: topic.name,
  partition: 3,
  offset,
  timestampMs: 1_700_000_000_000 + offset,
  key: Buffer.from('127.0.0.1:5000/demo/app'),
  value: Buffer.from('bytes'),
  headers: { ce_id: Buffer.from(`id-${offset}`), ce_type: Buffer.from('waybill.ImagePushed.v1'), correlationid: Buffer.from('push-1') },
  ...change,
});

const pipe = (...records: readonly LogRecord[]) => {
  const driver = topologyDriver(audit);
  for (const each of records) driver.pipeRaw(each);
  return { driver, entries: driver.emitted(topics.audit).map((event) => event.data as AuditEntry) };
};

describe('the audit', () => {
  it('chains the records of all event topics in the order read, and keeps the last link', () => {
    const { driver, entries } = pipe(record(topics.deliveries, 0), record(topics.images, 7), record(topics.images, 9));
    const verdict = verifyChain(3, entries);
    assert.ok(verdict.ok);
    assert.deepEqual(driver.row('heads', 'head'), verdict.head);
    assert.deepEqual(
      entries.map(({ seq, topic, offset }) => [seq, topic, offset]),
      [
        [0, topics.deliveries.name, 0],
        [1, topics.images.name, 7],
        [2, topics.images.name, 9],
      ],
    );
  });

  it('says which event a record is, and whose journey it belongs to', () => {
    const { driver, entries } = pipe(record(topics.images, 7));
    assert.deepEqual([entries[0]?.eventId, entries[0]?.eventType], ['id-7', 'waybill.ImagePushed.v1']);
    assert.equal(driver.emitted(topics.audit)[0]?.meta.correlationId, 'push-1');
    assert.equal(driver.emitted(topics.audit)[0]?.meta.subject, `${topics.images.name}/3/7`);
  });

  it('chains what nobody can read: no key, no value, no headers, headers out of bounds', () => {
    const bare = record(topics.images, 0, { key: null, value: null, headers: {} });
    const huge = record(topics.images, 1, { headers: { ce_id: Buffer.alloc(1_000_000, 'x'), ce_type: Buffer.alloc(0) } });
    const { entries } = pipe(bare, huge);
    assert.ok(verifyChain(3, entries).ok);
    assert.deepEqual(
      entries.map((entry) => [entry.eventId, entry.eventType, entry.recordHash]),
      [
        [null, null, hashRecord(bare)],
        [null, null, hashRecord(huge)],
      ],
    );
  });

  it('keeps a chain in the partition that it is about', () => {
    const context = { get: () => undefined, isMarked: () => false, keys: () => [], table: () => [] };
    const { emit } = audit.handle({ kind: 'record', record: record(topics.images, 0), atMs: 0 }, context);
    assert.deepEqual(
      emit?.map((each) => ('partition' in each ? each.partition : undefined)),
      [3],
    );
  });

  it('takes every event topic but its own', () =>
    assert.deepEqual(audit.inputs.map((topic) => topic.name).toSorted(), auditedTopics.map((topic) => topic.name).toSorted()));
});
