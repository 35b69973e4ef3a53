import assert from 'node:assert/strict';
import { randomInt } from 'node:crypto';
import { describe, it } from 'node:test';
import { runSchedules } from './schedule.ts';
import { keptSeeds } from './seeds.ts';

/** `MODEL_SEED=<n>` repeats one schedule, and shows all of its actions with `MODEL_TRACE=1`. */
const { MODEL_SEED: seedText, MODEL_TRACE: tracing } = process.env;
const schedulesCount = 100;

const range = (first: number, count: number): readonly number[] => Array.from({ length: count }, (_, index) => first + index);
const seeds = seedText === undefined ? [...keptSeeds, ...range(randomInt(2 ** 31), schedulesCount)] : [Number(seedText)];

describe('the runtime over the model broker', () => {
  it('keeps every promise in schedules of lost answers, kills, zombies, rebalances, full disks and compaction', async () => {
    const traceTo = (actions: readonly string[]): void => void process.stdout.write(`${actions.join('\n')}\n`);
    const { failures, faults } = await runSchedules(seeds, { failuresMax: 1, ...(tracing !== undefined && { traceTo }) });
    if (failures[0]) throw failures[0];
    if (seedText === undefined) assert.ok((faults.get('lostAnswer') ?? 0) > schedulesCount && (faults.get('kill') ?? 0) > 10);
  });
});
