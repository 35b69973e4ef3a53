import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { type AuditHead, topics, type TypedRecord } from '@waybill/domain';
import { type Codec, type LogRecord, StreamError } from '@waybill/stream';
import { headOf, linkRecord } from '@waybill/transparency-log';
import { fakeConsole } from '../console.fixture.ts';
import { CliError } from '../exit.ts';
import type { AuditLog } from '../log/audit-evidence.ts';
import { verify } from './audit.ts';

/** Typed records by reference: a value is the number of one. */
function codecOf(records: readonly TypedRecord[]): Codec {
  const decode = (value: Buffer): TypedRecord => {
    const record = records[Number(value.toString())];
    if (record === undefined) throw new StreamError('RECORD_UNDECODABLE', 'no such record');
    return record;
  };
  return { encode: () => assert.fail(), decode: async (value) => decode(value), decodeSync: decode };
}

/** Two partitions of images and deliveries, chained as the audit app does; every second offset is a marker of a transaction. */
function auditedLog() {
  const records = new Map<string, LogRecord[]>();
  const passed = new Map<string, number>();
  const values: TypedRecord[] = [];
  const recordsIn = (topic: string, partition: number): LogRecord[] => records.getOrInsertComputed(`${topic}/${partition}`, () => []);
  const append = (topic: string, partition: number, value: string): LogRecord => {
    const place = recordsIn(topic, partition);
    const record = {
      topic,
      partition,
      offset: place.length * 2,
      timestampMs: 5,
      key: Buffer.from('k'),
      value: Buffer.from(value),
      headers: {},
    };
    place.push(record);
    return record;
  };
  const chain = (partition: number, head: AuditHead | undefined, record: LogRecord): AuditHead => {
    const entry = linkRecord(head, record, { eventId: null, eventType: null });
    append(topics.audit.name, partition, String(values.push({ type: 'AuditEntry', data: entry }) - 1));
    append(topics.auditHeads.name, partition, String(values.push({ type: 'AuditHead', data: headOf(entry) }) - 1));
    passed.set(`${record.topic}/${partition}`, record.offset + 1);
    return headOf(entry);
  };
  for (const partition of [0, 1]) {
    let head: AuditHead | undefined;
    for (let i = 0; i < 4; i++)
      head = chain(partition, head, append(i % 2 === 0 ? topics.images.name : topics.deliveries.name, partition, `event ${i}`));
  }
  const log: AuditLog = {
    partitions: 2,
    bounds: async ({ topic, partition }) => ({
      first: recordsIn(topic, partition)[0]?.offset ?? 0,
      end: (recordsIn(topic, partition).at(-1)?.offset ?? -2) + 2,
    }),
    committed: async (_, names, partition) =>
      new Map(names.flatMap((topic) => [[topic, passed.get(`${topic}/${partition}`) ?? 0] as const])),
    read: async ({ topic, partition }, { from, to }, onRecords) => {
      const place = recordsIn(topic, partition);
      if (from < (place[0]?.offset ?? 0)) throw new StreamError('OFFSET_EXPIRED', `${from} is no longer in ${topic}/${partition}`);
      await onRecords(
        place.filter(({ offset }) => offset >= from && offset < to),
        to,
      );
    },
  };
  return { log, codec: codecOf(values), append, recordsIn };
}

const run = async ({ log, codec }: Pick<ReturnType<typeof auditedLog>, 'log' | 'codec'>, partitions?: readonly number[]) => {
  const { console, out } = fakeConsole();
  const code = await verify({ output: 'json', partitions }, log, codec, console);
  return {
    code,
    ...(JSON.parse(out()) as {
      ok: boolean;
      partitions: {
        linksCount: number;
        recordsVerified: number;
        recordsExpired: number;
        fault: { code: string; topic: string; offset: number } | null;
      }[];
    }),
  };
};

describe('waybill audit verify', () => {
  it('says yes where all holds', async () => {
    const { code, ok, partitions } = await run(auditedLog());
    assert.deepEqual(
      [code, ok, partitions.map(({ linksCount, recordsVerified }) => [linksCount, recordsVerified])],
      [
        0,
        true,
        [
          [4, 4],
          [4, 4],
        ],
      ],
    );
  });

  it('says no, and where, when a record was changed', async () => {
    const audited = auditedLog();
    const place = audited.recordsIn(topics.images.name, 1);
    place[1] = { ...place[1]!, value: Buffer.from('another') };
    const { code, partitions } = await run(audited);
    assert.equal(code, 1);
    assert.deepEqual(
      partitions.map(({ fault }) => fault && [fault.code, fault.topic, fault.offset]),
      [null, ['RECORD_CHANGED', topics.images.name, 2]],
    );
    assert.equal((await run(audited, [0])).code, 0);
  });

  it('counts what retention has removed, and finds what something else has', async () => {
    const expired = auditedLog();
    expired.recordsIn(topics.deliveries.name, 0).shift();
    assert.deepEqual(
      (await run(expired)).partitions.map(({ recordsExpired, fault }) => [recordsExpired, fault]),
      [
        [1, null],
        [0, null],
      ],
    );
    const removed = auditedLog();
    removed.recordsIn(topics.images.name, 0).splice(1, 1);
    assert.deepEqual((await run(removed)).partitions[0]?.fault?.code, 'RECORD_GONE');
  });

  it('finds a chain that was cut or whose entries were replaced', async () => {
    const cut = auditedLog();
    cut.recordsIn(topics.audit.name, 0).pop();
    assert.equal((await run(cut)).partitions[0]?.fault?.code, 'CHAIN_TRUNCATED');
    const garbage = auditedLog();
    garbage.recordsIn(topics.audit.name, 0)[1] = { ...garbage.recordsIn(topics.audit.name, 0)[1]!, value: Buffer.from('garbage') };
    assert.equal((await run(garbage)).partitions[0]?.fault?.code, 'LINK_UNREADABLE');
    const emptied = auditedLog();
    emptied.recordsIn(topics.audit.name, 0).length = 0;
    assert.equal((await run(emptied)).partitions[0]?.fault?.code, 'CHAIN_TRUNCATED');
    emptied.recordsIn(topics.auditHeads.name, 0).length = 0;
    assert.equal((await run(emptied)).partitions[0]?.fault?.code, 'RECORD_NOT_CHAINED');
  });

  it('shows what is not chained yet as pending, not as broken', async () => {
    const audited = auditedLog();
    audited.append(topics.scans.name, 0, 'new');
    const { console, out } = fakeConsole();
    assert.equal(await verify({ output: 'table', partitions: undefined }, audited.log, audited.codec, console), 0);
    assert.match(out(), /✔ the audit holds: 8 links, 8 records/);
    assert.match(out(), / 4 +4 +0 +1 /);
    assert.match(out(), /Pending/);
  });

  it('refuses partitions that are not there', async () => {
    await assert.rejects(
      run(auditedLog(), [0, 7]),
      (error: unknown) => error instanceof CliError && error.exitCode === 2 && /no partition 7/.test(error.message),
    );
  });
});
