// `npm test`: everything that has to hold, counted. `--only <suite or step>` (repeatable), `--grep <pattern>`, or the files to run.
// The last line is `N passed, N failed`, and the exit code is 0 only for none failed.
import { randomUUID } from 'node:crypto';
import { delimiter, dirname, resolve } from 'node:path';
import { parseArgs } from 'node:util';
import { compileCache } from '../infra/local/paths.ts';
import { sum, withoutSkips } from './runner/outcome.ts';
import type { Outcome } from './runner/outcome.ts';
import { filesSuite, runTimeoutMs, select } from './runner/plan.ts';
import type { Suite } from './runner/plan.ts';
import { endText, stepText } from './runner/print.ts';
import { killMarked, markerName } from './runner/processes.ts';
import { runSuite } from './runner/suite.ts';
import type { StepReport } from './runner/suite.ts';

const root = resolve(import.meta.dirname, '..');
const isCi = process.env['CI'] === 'true';

/** @throws Error for options that are not known */
function parseCommandLine() {
  const options = { only: { type: 'string', multiple: true }, grep: { type: 'string' }, 'timeout-ms': { type: 'string' } } as const;
  const { values, positionals } = parseArgs({ options, allowPositionals: true });
  const timeoutMs = Number(values['timeout-ms'] ?? runTimeoutMs);
  if (!(timeoutMs > 0)) throw new Error('--timeout-ms wants a number above 0');
  const suites: readonly Suite[] = positionals.length > 0 ? [filesSuite(positionals, timeoutMs)] : select(values.only ?? []);
  return { suites, timeoutMs, grep: values.grep === undefined ? undefined : new RegExp(values.grep) };
}

/** Aborted when the run's time is up or somebody stops it. The reason is a sentence for people. */
function stopSignal(timeoutMs: number): AbortSignal {
  const controller = new AbortController();
  const stop = (reason: string): void => controller.abort(reason);
  setTimeout(() => stop(`the run took longer than ${Math.round(timeoutMs / 1_000)} s`), timeoutMs).unref();
  for (const name of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) process.on(name, () => stop(`the run was stopped by ${name}`));
  return controller.signal;
}

async function main(): Promise<Outcome> {
  const startedAtMs = performance.now();
  const { suites, timeoutMs, grep } = parseCommandLine();
  const marker = [process.env[markerName], randomUUID()].filter((part) => part !== undefined).join('/'); // Below an outer run's, if any.
  const path = [resolve(root, 'node_modules/.bin'), dirname(process.execPath), process.env['PATH'] ?? ''].join(delimiter);
  const signal = stopSignal(timeoutMs);
  const options = { cwd: root, env: { ...compileCache, ...process.env, PATH: path }, marker, signal, grep };

  const judge = (outcome: Outcome): Outcome => (isCi ? withoutSkips(outcome) : outcome);
  const onStep = (step: StepReport): void => console.log(stepText({ ...step, outcome: judge(step.outcome) }));
  const outcomes: Outcome[] = [];
  for (const suite of suites) outcomes.push(judge(await runSuite(suite, { ...options, onStep })));

  const left = await killMarked(marker, 1_000);
  const faults = left.map(({ pid, command }) => ({ where: 'processes', what: `process ${pid} was left behind (killed now): ${command}` }));
  for (const { what } of faults) console.log(what);
  const outcome = sum([...outcomes, { passedCount: 0, faults, skips: [] }]);
  if (grep !== undefined && outcome.passedCount + outcome.faults.length === 0) console.log(`no test is called like ${String(grep)}`);
  console.log(endText(outcome, performance.now() - startedAtMs));
  return outcome;
}

try {
  const outcome = await main();
  // Not left to the event loop: the pipes of a process that could not be killed would hold it.
  process.exit(outcome.faults.length === 0 && outcome.passedCount > 0 ? 0 : 1);
} catch (error) {
  console.error(error instanceof Error ? error.message : error);
  process.exit(2);
}
