// M: ten thousand schedules of the stream runtime over the model broker, each seed another one, each ending in the same oracle.
import assert from 'node:assert/strict';
import { fork } from 'node:child_process';
import { once } from 'node:events';
import { join } from 'node:path';
import { describe, it } from 'node:test';
import { keptSeeds } from '@waybill/stream/testing';
import { faultSeed, recorded, tell } from '../support/fault-run.ts';
import type { ModelReport } from '../support/model-run.ts';

const schedulesCount = Number(process.env['MODEL_SCHEDULES'] ?? 10_000);
/** Of one message to a process. */
const roundLength = 250;
/** There are two cores. */
const processesCount = 2;
const failuresMax = 5;

describe(`M, seed ${faultSeed}`, () => {
  it(`${schedulesCount} schedules over the model broker keep every promise`, () =>
    recorded('M', 'the runtime over the model broker: everything that can go wrong, at once', async () => {
      const done: ModelReport[] = [];
      const failures = (): readonly string[] => done.flatMap((report) => report.failures);
      const rounds = roundsOf(schedulesCount).values();
      const work = async (): Promise<void> => {
        const child = fork(join(import.meta.dirname, '../support/model-run.ts'), [], { execArgv: [] });
        const gone = once(child, 'exit').then(([code]) => assert.fail(`a process of the model has ended by itself: ${code}`));
        gone.catch(() => undefined); // Raced below, or meant.
        for (const seeds of rounds) {
          child.send([...seeds]);
          const [report] = (await Promise.race([once(child, 'message'), gone])) as [ModelReport];
          done.push(report);
          const count = sum(done, (one) => one.schedulesCount);
          tell('M', `${count} schedules, ${failures().length} wrong`);
          if (failures().length >= failuresMax) break;
        }
        child.disconnect();
      };
      await Promise.all(Array.from({ length: processesCount }, work));
      assert.deepEqual(failures(), [], failures().join('\n\n'));
      return findingsOf(done);
    }));
});

/** The kept seeds first; the others count up from the run's. */
function roundsOf(count: number): readonly (readonly number[])[] {
  const starts = Array.from({ length: Math.ceil(count / roundLength) }, (_, index) => index * roundLength);
  const rounds = starts.map((at) =>
    Array.from({ length: Math.min(roundLength, count - at) }, (_, index) => (faultSeed + at + index) % 2 ** 32),
  );
  return [keptSeeds, ...rounds];
}

const sum = (reports: readonly ModelReport[], count: (report: ModelReport) => number): number =>
  reports.reduce((total, report) => total + count(report), 0);

function findingsOf(done: readonly ModelReport[]) {
  const faults = new Map<string, number>();
  for (const [fault, count] of done.flatMap((report) => report.faults)) faults.set(fault, (faults.get(fault) ?? 0) + count);
  const kinds = [...faults].toSorted(([a], [b]) => (a < b ? -1 : 1)).map(([fault, count]) => `${fault} ${count}`);
  const hours = Math.round(sum(done, ({ virtualMs }) => virtualMs) / 3_600_000);
  const [schedules, actions] = [sum(done, (report) => report.schedulesCount), sum(done, ({ actionsCount }) => actionsCount)];
  return { faults: kinds.join(', '), checked: `${schedules} schedules, ${actions} actions, ${hours} virtual hours` };
}
