import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { mutations } from './mutations.fixture.ts';
import { runSchedules } from './schedule.ts';

/** Always the same, so that it is no matter of luck. */
const seeds = Array.from({ length: 100 }, (_, index) => 1 + index);

describe('the model has teeth: it notices when', () => {
  for (const [name, mutation] of Object.entries(mutations))
    it(name, async (context) => {
      const { failures, schedulesCount } = await runSchedules(seeds, { mutation, failuresMax: 1 });
      assert.equal(failures.length, 1, `not found within ${seeds.length} schedules`);
      context.diagnostic(`found by schedule ${schedulesCount}: ${failures[0]!.message.split('\n')[0]}`);
    });
});
