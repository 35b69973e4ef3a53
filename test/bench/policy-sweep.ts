import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { execa } from 'execa';
import { boundedRow, interleaved, medianOf, spreadOf, toldRow, UsageError, type Row } from './bench.ts';
import type { SweepFigures } from './policy-sweep-main.ts';
import { openResults, shown, writeReport } from './report.ts';

const [policiesCount, commitMs] = [1_000, 10];
/** A push waits no longer than this, whatever is gone through meanwhile. */
const liveP99MsMax = 250;
const runMsMax = 60 * 60_000;

/** What a change of policies, a restart and a full hour cost `apps/policy` with a million tags. @throws UsageError */
export async function sweepBench(args: readonly string[]): Promise<void> {
  const { values } = parseArgs({ args: [...args], options: { quick: { type: 'boolean' }, runs: { type: 'string' } } });
  const [runs, isQuick] = [Number(values.runs ?? 1), values.quick === true];
  if (!Number.isInteger(runs) || runs < 1) throw new UsageError('npm run bench -- policy-sweep [--quick] [--runs <n>]');
  const startedAtMs = Date.now();
  const tagsCount = isQuick ? 20_000 : 1_000_000;
  const { note, path } = openResults('policy-sweep');
  const { figures } = await interleaved({ runs, note }, 'sweep', { figures: () => measured(tagsCount) });
  const rows = rowsOf(tagsCount, figures);
  console.log(`\n${shown(rows)}\n\nlines of JSON: ${path}`);
  if (isQuick) return;
  const [tags, policies] = [tagsCount, policiesCount].map((count) => count.toLocaleString('en'));
  const conditions = [
    `\`apps/policy\` as it is, in one process with six partitions, ${tags} tags of ${policies} policies in its local stores,`,
    `each with a review due at the next full hour. The log is in memory and takes ${commitMs} ms per transaction, so that no broker takes`,
    'part of the time; 50 pushes a second go on all the while, and are what waits. "1 %" is a policy that sends its tags elsewhere, "all"',
    'one that does so with all of them.',
  ];
  console.log(`report: ${writeReport({ suite: 'policy-sweep', startedAtMs, rows, versions: [], conditions, chapters: [] })}`);
}

async function measured(tagsCount: number): Promise<SweepFigures> {
  const main = join(import.meta.dirname, 'policy-sweep-main.ts');
  const args = ['--expose-gc', main, ...[tagsCount, policiesCount, commitMs].map(String)];
  const { stdout } = await execa(process.execPath, args, { timeout: runMsMax, stderr: 'inherit' });
  return JSON.parse(stdout) as SweepFigures;
}

function rowsOf(tagsCount: number, samples: readonly SweepFigures[]): readonly Row[] {
  const tags = tagsCount.toLocaleString('en');
  const phase = (what: string, name: 'none' | 'onePercent' | 'all' | 'due'): readonly Row[] => {
    const each = samples.map((sample) => sample[name]);
    const live = each.map((sample) => sample.live);
    const cpu = `${spreadOf(each, 'threadSeconds', 1)} s of processor time, ${spreadOf(each, 'anonMib')} MiB`;
    const loop = `event loop at most ${spreadOf(each, 'loopMaxMs')} ms`;
    const turns = `p50 ${spreadOf(live, 'p50Ms')} ms, longest ${spreadOf(live, 'maxMs')} ms; ${loop}`;
    return [
      toldRow(
        `${what}: until all is decided`,
        `${medianOf(each, 'seconds').toFixed(1)} s`,
        `${spreadOf(each, 'requested')} asked for; ${cpu}`,
      ),
      boundedRow(`${what}: a push meanwhile, p99`, medianOf(live, 'p99Ms'), { atMost: liveP99MsMax }, 'ms', turns, 0),
    ];
  };
  const opened = samples.map((sample) => sample.opened);
  return [
    toldRow(`restart with ${tags} tags and timers`, `${medianOf(opened, 'seconds').toFixed(1)} s`, `${spreadOf(opened, 'anonMib')} MiB`),
    ...phase('a policy that concerns no tag', 'none'),
    ...phase('a policy that concerns 1 %', 'onePercent'),
    ...phase('a policy that concerns all', 'all'),
    ...phase('all reviews due at once', 'due'),
  ];
}
