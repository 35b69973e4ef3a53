import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import type { Draft, HostCircuit, NewRecord, Running } from '@waybill/stream';
import { createStreamMetrics } from './stream-metrics.ts';

/** What an app says of itself; nothing else of it is asked. */
const runningOf = (facts: Partial<Running>): Running => facts as Running;
const idle = { jobs: () => ({ waiting: 0, running: 0 }), held: () => 0, circuits: () => [], tables: () => ({}) };

/** `name{labels} value` lines of a scrape, without the label that all have. */
async function scrape(metrics: ReturnType<typeof createStreamMetrics>, name: string): Promise<readonly string[]> {
  const lines = (await metrics.registry.metrics()).split('\n').filter((line) => line.startsWith(name));
  assert.ok(lines.every((line) => line.includes('app="policy"')), 'every line says of which app it is'); // prettier-ignore
  return lines.map((line) => line.replace(/,app="policy"|app="policy",?/, '').replace('{}', ''));
}

describe('the gauges of an app', () => {
  it('are of the moment, and zero or absent before it runs', async () => {
    const app: { running?: Running } = {};
    const metrics = createStreamMetrics('policy', () => app.running);
    const read = async () => [
      ...(await scrape(metrics, 'waybill_jobs')),
      ...(await scrape(metrics, 'waybill_records_held')),
      ...(await scrape(metrics, 'waybill_table')),
      ...(await scrape(metrics, 'waybill_circuit')),
    ];
    assert.deepEqual(await read(), ['waybill_jobs_waiting 0', 'waybill_jobs_running 0', 'waybill_records_held 0']);
    const tables = { policies: new Map([[0, 7], [1, 3]]) }; // prettier-ignore
    app.running = runningOf({ ...idle, jobs: () => ({ waiting: 5, running: 2 }), held: () => 9, tables: () => tables });
    assert.deepEqual(await read(), [
      'waybill_jobs_waiting 5',
      'waybill_jobs_running 2',
      'waybill_records_held 9',
      'waybill_table_position{table="policies",partition="0"} 7',
      'waybill_table_position{table="policies",partition="1"} 3',
    ]);
  });

  it('show the circuits of at most 100 hosts, and none that is gone; those that are closed give way', async () => {
    let circuits: readonly HostCircuit[] = [];
    const metrics = createStreamMetrics('policy', () => runningOf({ ...idle, circuits: () => circuits }));
    const of = (host: string, state: HostCircuit['state']): HostCircuit => ({ kind: 'copy', host, state, openSinceMs: undefined });
    circuits = [of('up', 'closed'), of('probed', 'half-open'), of('down', 'open')];
    assert.deepEqual(await scrape(metrics, 'waybill_circuit_state'), [
      'waybill_circuit_state{kind="copy",host="down"} 2',
      'waybill_circuit_state{kind="copy",host="probed"} 1',
      'waybill_circuit_state{kind="copy",host="up"} 0',
    ]);
    circuits = [...Array.from({ length: 150 }, (_, index) => of(`h${index}`, 'closed')), of('late', 'open')];
    const lines = await scrape(metrics, 'waybill_circuit_state');
    assert.equal(lines.length, 100);
    assert.equal(lines[0], 'waybill_circuit_state{kind="copy",host="late"} 2');
    assert.ok(!lines.some((line) => line.includes('"down"')));
  });

  it('say of which partitions the events go out, as long as they are its own', async () => {
    const metrics = createStreamMetrics('policy', () => undefined);
    metrics.role(0, false);
    metrics.role(1, false);
    metrics.assigned([0, 1]);
    assert.deepEqual(await scrape(metrics, 'waybill_partitions'), ['waybill_partitions 2']);
    metrics.role(1, true);
    const lineOf = (partition: number, isLive: 0 | 1) => `waybill_version_live{partition="${partition}"} ${isLive}`;
    assert.deepEqual(await scrape(metrics, 'waybill_version_live'), [lineOf(0, 0), lineOf(1, 1)]);
    metrics.assigned([1]);
    assert.deepEqual(await scrape(metrics, 'waybill_version_live'), [lineOf(1, 1)]);
    metrics.assigned([]);
    assert.deepEqual(await scrape(metrics, 'waybill_version_live'), []);
  });
});

describe('the counters of an app', () => {
  it('add up what transactions, jobs and faults have come to', async () => {
    const metrics = createStreamMetrics('policy', () => undefined);
    const records = ['a', 'b', 'a'].map((topic) => ({ topic }) as NewRecord);
    const parked = [{ code: 'STAGE_FAILED', reason: 'r', record: undefined as never }];
    const draft = { records, parked, ignored: ['seen', 'seen'], noted: ['held by time'], withheldCount: 4 } as unknown as Draft;
    metrics.committed(draft, 20, new Map([['in', 5]]));
    metrics.committed({ ...draft, withheldCount: 0 }, 20, new Map([['in', 2]]));
    metrics.fault('FENCED');
    metrics.jobEnded('copy', 'done', 700);
    for (const [name, lines] of [
      ['waybill_records_consumed_total', ['waybill_records_consumed_total{topic="in"} 7']],
      ['waybill_records_written_total', ['waybill_records_written_total{topic="a"} 4', 'waybill_records_written_total{topic="b"} 2']],
      ['waybill_records_parked_total', ['waybill_records_parked_total{code="STAGE_FAILED"} 2']],
      ['waybill_inputs_ignored_total', ['waybill_inputs_ignored_total{reason="seen"} 4']],
      ['waybill_noted_total', ['waybill_noted_total{what="held by time"} 2']],
      ['waybill_events_withheld_total', ['waybill_events_withheld_total 4']],
      ['waybill_faults_total', ['waybill_faults_total{code="FENCED"} 1']],
      ['waybill_transaction_seconds_bucket{le="0.025"', ['waybill_transaction_seconds_bucket{le="0.025"} 2']],
      ['waybill_transaction_seconds_bucket{le="0.01"', ['waybill_transaction_seconds_bucket{le="0.01"} 0']],
      ['waybill_job_seconds_sum', ['waybill_job_seconds_sum{kind="copy",outcome="done"} 0.7']],
    ] as const)
      assert.deepEqual(await scrape(metrics, name), lines, name);
  });
});
