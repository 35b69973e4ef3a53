import { boundedRow, interleaved, medianOf, spreadOf, type Experiment } from '../bench.ts';
import { runOurs } from '../ours.ts';

/** What transactions cost: the same app, once with them and once over a log that only acknowledges. */
export const atLeastOnce: Experiment = {
  name: 'at-least-once',
  async run(bench) {
    const input = await bench.input();
    const samples = await interleaved(bench, 'at-least-once', {
      'exactly once': () => runOurs(bench.cluster, input, { instances: 1 }),
      'at least once': () => runOurs(bench.cluster, input, { instances: 1, guarantee: 'at-least-once' }),
    });
    const times = medianOf(samples['at least once'], 'perSecond') / medianOf(samples['exactly once'], 'perSecond');
    const figures = Object.entries(samples).map(([name, runs]) => `${name}: ${spreadOf(runs, 'perSecond')} /s`);
    return [boundedRow('time of exactly-once, to at-least-once', times, { atMost: 1.5 }, 'x', figures.join('; '))];
  },
};
