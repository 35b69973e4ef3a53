// Ten thousand schedules of the stream runtime over the model broker: every seed another one, each ending in the same oracle.
import assert from 'node:assert/strict';
import { randomInt } from 'node:crypto';
import { describe, it } from 'node:test';
import { keptSeeds, runSchedules, type Summary } from '@waybill/stream/testing';

const schedulesCount = Number(process.env['MODEL_SCHEDULES'] ?? 10_000);
/** Seeds count up from it; `MODEL_FIRST_SEED` repeats a run. */
const firstSeed = Number(process.env['MODEL_FIRST_SEED'] ?? randomInt(2 ** 31));
const roundLength = 500;

describe('the stream runtime over the model broker', () => {
  it(`keeps every promise in ${schedulesCount} schedules`, async () => {
    const startedMs = performance.now();
    const done: Summary[] = [await runSchedules(keptSeeds)];
    const failures = () => done.flatMap((summary) => summary.failures);
    for (let at = 0; at < schedulesCount && failures().length < 5; at += roundLength) {
      const length = Math.min(roundLength, schedulesCount - at);
      done.push(await runSchedules(Array.from({ length }, (_, index) => firstSeed + at + index)));
      console.log(`model: ${at + length} of ${schedulesCount} schedules, ${failures().length} wrong, ${secondsSince(startedMs)} s`);
    }
    console.log(report(done, secondsSince(startedMs)));
    const texts = failures().map(({ message }) => message);
    assert.deepEqual(texts, [], texts.join('\n\n'));
  });
});

const secondsSince = (startedMs: number): number => Math.round((performance.now() - startedMs) / 1_000);

function report(done: readonly Summary[], seconds: number): string {
  const sum = (count: (summary: Summary) => number): number => done.reduce((total, summary) => total + count(summary), 0);
  const faults = new Map<string, number>();
  for (const summary of done) for (const [fault, count] of summary.faults) faults.set(fault, (faults.get(fault) ?? 0) + count);
  const kinds = [...faults].toSorted(([a], [b]) => (a < b ? -1 : 1)).map(([fault, count]) => `${fault} ${count}`);
  const hours = Math.round(sum(({ virtualMs }) => virtualMs) / 3_600_000);
  const [schedules, actions] = [sum(({ schedulesCount: count }) => count), sum(({ actionsCount }) => actionsCount)];
  const size = `${schedules} schedules from seed ${firstSeed} on, ${actions} actions`;
  return `model: ${size}, ${hours} virtual hours in ${seconds} s; faults: ${kinds.join(', ')}`;
}
