import { globSync } from 'node:fs';
import { runCommand } from './command.ts';
import { nothing, sum } from './outcome.ts';
import type { Outcome } from './outcome.ts';
import type { Step, Suite } from './plan.ts';
import { inPool } from './pool.ts';
import { runTestFile } from './test-file.ts';
import type { RunOptions } from './test-file.ts';

export type StepReport = { readonly suite: string; readonly step: string; readonly outcome: Outcome; readonly durationMs: number };
export type SuiteOptions = Omit<RunOptions, 'timeoutMs'> & { readonly onStep: (report: StepReport) => void };

/** Runs a suite's steps and files, `concurrency` at a time, and tells of each step as it ends. */
export async function runSuite(suite: Suite, options: SuiteOptions): Promise<Outcome> {
  const started = suite.steps.map((step) => createStepRun(suite, step, options));
  await inPool(
    started.flatMap((step) => step.tasks),
    suite.concurrency,
  );
  return sum(started.map((step) => step.outcome()));
}

/** A step as the tasks that it is made of: its one command, or each of its test files. */
function createStepRun(suite: Suite, step: Step, options: SuiteOptions) {
  const units = unitsOf(suite, step, options);
  const isToldByUnit = step.kind === 'tests' && suite.isToldByFile;
  const outcomes: Outcome[] = [];
  let startedAtMs = 0;
  const tell = (name: string, outcome: Outcome, sinceMs: number): void =>
    options.onStep({ suite: suite.name, step: name, outcome, durationMs: performance.now() - sinceMs });

  const tasks = units.map(({ name, run }) => async () => {
    const unitStartedAtMs = performance.now();
    startedAtMs ||= unitStartedAtMs;
    const outcome = options.signal.aborted
      ? { ...nothing, faults: [{ where: name, what: `not run: ${String(options.signal.reason)}` }] }
      : await run();
    outcomes.push(outcome);
    if (isToldByUnit) tell(name, outcome, unitStartedAtMs);
    else if (outcomes.length === units.length) tell(step.name, withTests(step, sum(outcomes), options), startedAtMs);
  });
  if (units.length === 0) tell(step.name, withTests(step, nothing, options), performance.now());
  return { tasks, outcome: () => withTests(step, sum(outcomes), options) };
}

type Unit = { readonly name: string; readonly run: () => Promise<Outcome> };

function unitsOf(suite: Suite, step: Step, options: SuiteOptions): readonly Unit[] {
  const runOptions = { ...options, timeoutMs: step.timeoutMs };
  const marker = `${options.marker}/${suite.name}/${step.name}`;
  if (step.kind === 'command') return [{ name: step.name, run: () => runCommand(step.name, step.argv, { ...runOptions, marker }) }];
  return globSync(step.globs, { cwd: options.cwd, exclude: ['**/node_modules/**'] })
    .sort()
    .map((file) => ({ name: file, run: () => runTestFile(file, { ...runOptions, marker: `${marker}/${file}` }) }));
}

/** A step that should have tests and has none would be green for ever. */
function withTests(step: Step, outcome: Outcome, { grep }: SuiteOptions): Outcome {
  const isEmpty = outcome.passedCount + outcome.faults.length + outcome.skips.length === 0;
  if (!isEmpty || step.kind !== 'tests' || grep !== undefined) return outcome;
  return { ...outcome, faults: [{ where: step.name, what: `no tests found in ${step.globs.join(' ')}` }] };
}
