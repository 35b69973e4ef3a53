// Schedules of the model, in a process of their own: node:test follows every promise, which doubles their time and keeps their memory.
// Told by a message which seeds, it answers with what has become of them, and takes the next.
import { runSchedules } from '@waybill/stream/testing';

/** What one process has found, in a form that can be sent. */
export type ModelReport = {
  readonly schedulesCount: number;
  readonly actionsCount: number;
  readonly virtualMs: number;
  readonly faults: readonly (readonly [fault: string, count: number])[];
  /** What each that failed says: its seed first. */
  readonly failures: readonly string[];
};

process.once('disconnect', () => process.exit(1)); // Whoever started it is gone.
process.on('message', async (seeds: readonly number[]) => {
  const { faults, failures, ...counts } = await runSchedules(seeds);
  const report: ModelReport = { ...counts, faults: [...faults], failures: failures.map(({ message }) => message) };
  process.send!(report);
});
