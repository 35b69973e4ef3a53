import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import fc from 'fast-check';
import { linkRecord } from './chain.ts';
import { chainOf, evidenceOf, recordAt, recordsOf, streamOf } from './log.fixture.ts';
import type { HashedRecord } from './record-hash.ts';
import { type AuditEvidence, verifyAudit } from './verify-audit.ts';

const [images, scans] = ['waybill.images.v1', 'waybill.scans.v1'];
// Offsets with holes: markers of transactions take offsets that hold no record.
const log = [recordAt(images, 0), recordAt(scans, 0), recordAt(images, 2), recordAt(images, 3), recordAt(scans, 5), recordAt(images, 7)];

const verify = async (evidence: AuditEvidence, windowLinksMax = 2): Promise<string> => {
  const { fault } = await verifyAudit(evidence, { windowLinksMax });
  return fault === null ? 'holds' : `${fault.code} ${fault.topic ?? '-'}/${fault.offset ?? '-'}`;
};

describe('an audit', () => {
  it('holds where log and chain agree', async () => {
    const report = await verifyAudit(evidenceOf(log), { windowLinksMax: 2 });
    assert.deepEqual(
      { ...report, head: report.head?.seq },
      { partition: 0, linksCount: 6, recordsVerified: 6, recordsExpired: 0, head: 5, fault: null },
    );
    assert.equal(await verify(evidenceOf([])), 'holds');
  });

  it('shows a record that was changed', async () => {
    const changed = log.with(3, recordAt(images, 3, 'another value'));
    assert.equal(await verify(evidenceOf(log, { records: recordsOf(changed) })), `RECORD_CHANGED ${images}/3`);
  });

  it('shows a record that is gone, and the first of several', async () => {
    const without = log.filter((r) => r.topic !== images || r.offset < 2);
    assert.equal(await verify(evidenceOf(log, { records: recordsOf(without) }), 100), `RECORD_GONE ${images}/2`);
  });

  it('counts records that retention has removed', async () => {
    const firstOffset = async (topic: string): Promise<number> => (topic === images ? 3 : 0);
    const left = log.filter((r) => r.topic !== images || r.offset >= 3);
    const { fault, recordsExpired, recordsVerified } = await verifyAudit(evidenceOf(log, { records: recordsOf(left), firstOffset }));
    assert.deepEqual({ fault, recordsExpired, recordsVerified }, { fault: null, recordsExpired: 2, recordsVerified: 4 });
  });

  it('shows a record that was left out of the chain: at its start, in the middle, at its end', async () => {
    for (const at of log.keys()) {
      const evidence = evidenceOf(log.toSpliced(at, 1), {
        records: recordsOf(log),
        passed: evidenceOf(log).passed,
        topics: [images, scans],
      });
      assert.equal(await verify(evidence), `RECORD_NOT_CHAINED ${log[at]!.topic}/${log[at]!.offset}`);
    }
  });

  it('does not yet ask for records that the audit has not passed', async () => {
    const ahead = [...log, recordAt(images, 8), recordAt('waybill.decisions.v1', 0)];
    assert.equal(await verify(evidenceOf(log, { records: recordsOf(ahead) })), 'holds');
  });

  it('shows a record that was chained twice, in one window or over two', async () => {
    for (const windowLinksMax of [1, 2, 100])
      assert.equal(
        await verify(evidenceOf([...log, recordAt(scans, 5)], { records: recordsOf(log) }), windowLinksMax),
        `RECORD_CHAINED_TWICE ${scans}/5`,
      );
  });

  it('shows records that were chained out of order', async () => {
    const swapped = log.with(2, log[3]!).with(3, log[2]!);
    assert.notEqual(await verify(evidenceOf(swapped)), 'holds');
  });

  it('shows a chain cut at its end, though all that is left of it holds', async () => {
    const cut = evidenceOf(log.slice(0, 4), { head: evidenceOf(log).head, passed: evidenceOf(log.slice(0, 4)).passed });
    assert.equal(await verify(cut), 'CHAIN_TRUNCATED -/-');
  });

  it('shows a chain that was written anew, though it holds in itself', async () => {
    const rewritten = log.with(5, recordAt(images, 7, 'rewritten'));
    assert.equal(await verify(evidenceOf(rewritten, { head: evidenceOf(log).head })), `LINK_HASH_WRONG ${images}/7`);
  });

  it('shows what is no entry, and what was chained after it', async () => {
    const entries = chainOf(log).map((entry, offset) => ({ offset, entry: offset === 3 ? null : entry }));
    const { fault, linksCount } = await verifyAudit(evidenceOf(log, { chain: streamOf(entries) }));
    assert.deepEqual([fault?.code, fault?.seq, linksCount], ['LINK_UNREADABLE', 3, 3]);
  });

  it('names the broken place that comes first, whatever the topic', async () => {
    const changed = log.with(1, recordAt(scans, 0, 'changed')).with(2, recordAt(images, 2, 'changed'));
    assert.equal(await verify(evidenceOf(log, { records: recordsOf(changed) }), 100), `RECORD_CHANGED ${scans}/0`);
  });

  it('shows a link for a record that never was', async () => {
    const chain = chainOf(log);
    const forged = linkRecord(chain.at(-1), recordAt(images, 9), { eventId: null, eventType: null });
    const entries = [...chain, forged].map((entry, offset) => ({ offset, entry }));
    assert.equal(await verify(evidenceOf(log, { chain: streamOf(entries) })), `RECORD_GONE ${images}/9`);
  });

  it('holds for any interleaving and any window, and breaks on any change of any record', () =>
    fc.assert(
      fc.asyncProperty(
        fc.array(fc.record({ topic: fc.constantFrom(images, scans), step: fc.integer({ min: 1, max: 3 }) }), {
          minLength: 1,
          maxLength: 12,
        }),
        fc.integer({ min: 1, max: 5 }),
        fc.nat(),
        async (steps, windowLinksMax, seed) => {
          const next = new Map<string, number>();
          const records = steps.map(({ topic, step }): HashedRecord => {
            const offset = next.get(topic) ?? 0;
            next.set(topic, offset + step);
            return recordAt(topic, offset);
          });
          assert.equal(await verify(evidenceOf(records), windowLinksMax), 'holds');
          const at = seed % records.length;
          const changed = records.with(at, { ...records[at]!, value: null });
          const { topic, offset } = records[at]!;
          assert.equal(
            await verify(evidenceOf(records, { records: recordsOf(changed) }), windowLinksMax),
            `RECORD_CHANGED ${topic}/${offset}`,
          );
        },
      ),
      { numRuns: 50 },
    ));
});
