import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { type Topic, topics } from '@waybill/domain';
import { encodeSwap, type EventLog, type LogRecord, type NewRecord, type ProjectionSwap, swapOf, versionGroup } from '@waybill/stream';
import { jsonCodec } from '@waybill/stream/testing';
import { fakeConsole } from '../console.fixture.ts';
import { CliError, type ExitCode } from '../exit.ts';
import { listProjections, prepareProjection, swapProjection, type SwapOptions } from './projection.ts';

/** Two partitions; `records` is the topic of versions, `committed` how far each version of dedup has come in either. */
function fakeLog(committed: Readonly<Record<number, readonly [number, number]>> = {}) {
  const records: LogRecord[] = [];
  const append = ({ topic, partition, key, value, headers }: NewRecord): void =>
    void records.push({ topic, partition, offset: records.length, timestampMs: 0, key: Buffer.from(key!), value, headers });
  const log: Partial<EventLog> = {
    partitions: 2,
    partitionOf: () => 1,
    bounds: async () => ({ first: 0, end: records.length }),
    async read({ topic, partition }, { from, to }, onRecords) {
      assert.deepEqual([topic, partition], [topics.projections.name, 1]);
      await onRecords(records.slice(from, to), to);
    },
    async committed(group, names, partition) {
      const version = Object.keys(committed).find((each) => versionGroup('dedup', Number(each)) === group);
      if (version === undefined) return new Map();
      assert.ok(names.includes(topics.imageEvents.name));
      return new Map([[topics.imageEvents.name, committed[Number(version)]![partition]!]]);
    },
  };
  const live = (app: string, to: number): void => {
    const request = { to, changedBy: 'ann', reason: 'counts pulls', changedAtMs: Date.UTC(2026, 0, to) };
    append(encodeSwap(jsonCodec, log as EventLog, swapOf({ app, liveVersion: 1, formerVersions: [] }, request)));
  };
  return { log: log as EventLog, append, live };
}
const isExit = (exitCode: ExitCode, message: RegExp) => (error: unknown) =>
  error instanceof CliError && error.exitCode === exitCode && message.test(`${error.message} ${error.next}`);

describe('waybill projection list', () => {
  const run = async (log: EventLog, output: 'table' | 'json') => {
    const { console, out } = fakeConsole();
    assert.equal(await listProjections({ output }, log, jsonCodec, console), 0);
    return out();
  };

  it('shows every app that has versions, also those that never changed', async () => {
    const { log, live } = fakeLog();
    live('policy', 3);
    const [, first, second] = (await run(log, 'table')).split('\n');
    assert.match(first!, /^dedup +v1 +- +- +- +-$/);
    assert.match(second!, /^policy +v3 +v1 +2026-01-03 00:00:00 +ann +counts pulls$/);
  });

  it('prints as JSON what is known', async () => {
    const { projections } = JSON.parse(await run(fakeLog().log, 'json')) as { projections: readonly unknown[] };
    assert.deepEqual(projections[0], { app: 'dedup', liveVersion: 1, formerVersions: [] });
  });
});

describe('waybill projection prepare', () => {
  const { log } = fakeLog();
  const options = { output: 'table', app: 'dedup', version: 2, brokers: ['b:1'], replication: 3 } as const;

  it('creates what the version writes for itself, and says how to go on', async () => {
    const { console, out } = fakeConsole();
    const created: (readonly [number, number, readonly string[]])[] = [];
    const create = async (settings: { readonly partitions: number; readonly replication: number }, wanted: readonly Topic[]) =>
      void created.push([settings.partitions, settings.replication, wanted.map(({ name }) => name)]);
    assert.equal(await prepareProjection(options, log, console, create), 0);
    const names = ['waybill.catalog.v2', 'waybill.dedup-marks.v2', 'waybill.dedup-held.v2'];
    assert.deepEqual(created, [[2, 3, names]]);
    assert.match(out(), /waybill\.catalog\.v2\n(.|\n)*PROJECTION_VERSION=2/);
    const json = fakeConsole();
    assert.equal(await prepareProjection({ ...options, output: 'json' }, log, json.console, create), 0);
    assert.deepEqual(JSON.parse(json.out()), { app: 'dedup', version: 2, topics: names });
  });

  it('refuses an app that has no versions before it creates anything', () =>
    assert.rejects(
      prepareProjection({ ...options, app: 'scanner' }, log, fakeConsole().console, () => assert.fail('created')),
      isExit(2, /scanner has no versions.*Only dedup and policy/),
    ));

  it('says no where a topic is there with another partition count, and that Kafka is away where it is', async () => {
    const failing = (error: Error) => prepareProjection(options, log, fakeConsole().console, () => Promise.reject(error));
    await assert.rejects(failing(new Error('all topics must have 2 partitions')), isExit(1, /must have 2 partitions/));
    const away = Object.assign(new Error('no answer'), { name: 'KafkaJSConnectionError' });
    await assert.rejects(failing(away), isExit(3, /Kafka does not answer/));
  });
});

describe('waybill projection swap', () => {
  const run = async (log: EventLog, changes: Partial<SwapOptions> = {}) => {
    const { console, out } = fakeConsole();
    const sent: NewRecord[] = [];
    const request = { output: 'json', app: 'dedup', to: 2, reason: 'counts pulls', changedBy: 'ann', behindMax: 10 } as const;
    const code = await swapProjection({ ...request, ...changes }, log, jsonCodec, async (record) => void sent.push(record), console);
    return { code, sent, out: out() };
  };

  it('says into the log who makes which version live, and why', async () => {
    const { log, append } = fakeLog({ 1: [100, 50], 2: [95, 48] });
    const { code, sent, out } = await run(log);
    assert.equal(code, 0);
    const [record] = sent as [NewRecord];
    assert.deepEqual([record.topic, record.partition, record.key], [topics.projections.name, 1, 'dedup']);
    const said = JSON.parse(out) as ProjectionSwap['data'] & { readonly behind: number };
    assert.deepEqual({ ...said, changedAtMs: 0 }, {
      ...{ app: 'dedup', liveVersion: 2, formerVersions: [1], changedBy: 'ann', reason: 'counts pulls', changedAtMs: 0, behind: 7 },
    }); // prettier-ignore
    append(record);
    await assert.rejects(run(log), isExit(1, /version 2 of dedup is live already.*projection list/));
    const back = JSON.parse((await run(log, { to: 1 })).out) as ProjectionSwap['data'];
    assert.deepEqual([back.liveVersion, back.formerVersions], [1, [2]]);
  });

  it('refuses a version that is too far behind, one that never ran above all', async () => {
    const { log } = fakeLog({ 1: [100, 50], 2: [95, 48], 3: [0, 0] });
    await assert.rejects(run(log, { behindMax: 6 }), isExit(1, /7 records behind version 1.*--max-behind 7/));
    await assert.rejects(run(log, { to: 3 }), isExit(1, /150 records behind/));
    await assert.rejects(run(log, { to: 4 }), isExit(1, /150 records behind/));
    assert.match(
      (await run(log, { to: 3, behindMax: 150, output: 'table' })).out,
      /version 3 of dedup takes over from version 1, 150 records/,
    );
  });

  it('does not count as behind what a version has that the live one has not', async () => {
    const { log } = fakeLog({ 1: [100, 50], 2: [100, 90] });
    assert.equal((JSON.parse((await run(log, { behindMax: 0 })).out) as { behind: number }).behind, 0);
  });

  it('refuses an app that has no versions', () => assert.rejects(run(fakeLog().log, { app: 'audit' }), isExit(2, /audit has no versions/)));
});
