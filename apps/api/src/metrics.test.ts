import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { createMetrics } from './metrics.ts';
import type { Status } from './status/status.ts';

const statusOf = (lag: number, parked: Status['parked']): Status => ({
  ...{ asOfMs: 1, parked, circuits: { asked: 0, unanswered: [], open: [] } },
  groups: [{ group: 'policy', lag, topics: [], jobsDue: 0, timers: 0, nextDueAtMs: null, jobsParked: 0, recordsParked: 0 }],
});

/** Lines of a scrape that begin with the name. */
const scrape = async ({ registry }: ReturnType<typeof createMetrics>, name: string): Promise<readonly string[]> =>
  (await registry.metrics()).split('\n').filter((line) => line.startsWith(name));

describe("the API's metrics", () => {
  it('are of the moment that they are asked for, each of them', async () => {
    let now = statusOf(7, [{ app: 'policy', code: 'STAGE_FAILED', count: 2 }]);
    const metrics = createMetrics(async () => now);
    assert.deepEqual(await scrape(metrics, 'api_group_lag'), ['api_group_lag_offsets{group="policy"} 7']);
    assert.deepEqual(await scrape(metrics, 'api_parked'), ['api_parked_records{app="policy",code="STAGE_FAILED"} 2']);
    now = statusOf(0, [{ app: 'gateway', code: 'BODY_NOT_JSON', count: 1 }]);
    const text = await metrics.registry.metrics();
    assert.match(text, /api_group_lag_offsets\{group="policy"\} 0\n/);
    assert.match(text, /api_parked_records\{app="gateway",code="BODY_NOT_JSON"\} 1\n/);
    assert.doesNotMatch(text, /STAGE_FAILED/);
  });

  it('are not there while there is no answer', async () => {
    let isAway = false;
    const metrics = createMetrics(async () => (isAway ? Promise.reject(new Error('no broker')) : statusOf(7, [])));
    await metrics.registry.metrics();
    isAway = true;
    assert.deepEqual([await scrape(metrics, 'api_group_lag'), await scrape(metrics, 'api_parked')], [[], []]);
  });

  it('count what was read, passed over and answered', async () => {
    const metrics = createMetrics(async () => statusOf(0, []));
    metrics.projected.inc({ topic: 't' }, 3);
    metrics.skipped.inc({ topic: 't' });
    metrics.answered('/v1/status', 200, 0.01);
    const lines = await scrape(metrics, 'api_');
    for (const line of [
      'api_records_projected_total{topic="t"} 3',
      'api_records_skipped_total{topic="t"} 1',
      'api_answer_seconds_bucket{le="0.005",route="/v1/status",status="200"} 0',
      'api_answer_seconds_bucket{le="0.025",route="/v1/status",status="200"} 1',
    ])
      assert.ok(lines.includes(line), line);
  });
});
