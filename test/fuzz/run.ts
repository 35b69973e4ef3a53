// `npm run fuzz`: ten minutes of changed recordings against the parsers of webhooks, with a report in the end.
// `--minutes <number>` for another time, `--seed <number> --executions <number>` to come to a finding again, without a report.
// The exit code is 1 where there is one.
import { mkdtempSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import type { SourceKind } from '@waybill/webhook-sources';
import { execa } from 'execa';
import { repositoryRoot } from '../../infra/local/paths.ts';
import { coverageOf } from './coverage.ts';
import { fuzzRound, type Finding, type FuzzRound, type KindTally } from './fuzz.ts';
import { fuzzReport, sum } from './report.ts';

/** Each starts from the recordings again, with a seed of its own. */
const roundMs = 30_000;
/** Of the processor's time, for a body of 1 MiB at most. A batch of 5,000 events takes half of it, anything else a tenth. */
const slowMs = 250;
const reportPath = join(repositoryRoot, 'docs/reports/fuzz-webhooks.md');

const { values } = parseArgs({ options: { minutes: { type: 'string' }, seed: { type: 'string' }, executions: { type: 'string' } } });
const minutes = Number(values.minutes ?? 10);
const firstSeed = Number(values.seed ?? Math.floor(Math.random() * 2 ** 31));
const executionsMax = values.executions === undefined ? undefined : Number(values.executions);
if (!(minutes > 0) || !Number.isSafeInteger(firstSeed) || !((executionsMax ?? 1) > 0))
  throw new Error('--minutes, --seed and --executions want numbers');

const startedAtMs = performance.now();
const commit = (await execa('git', ['rev-parse', '--short=7', 'HEAD'], { cwd: repositoryRoot })).stdout;
const tallies = new Map<SourceKind, KindTally>();
const rounds: FuzzRound[] = [];
const endsAtMs = startedAtMs + minutes * 60_000;
do {
  const roundEndsAtMs = Math.min(endsAtMs, performance.now() + roundMs);
  const isTimeUp = (count: number): boolean => count % 32 === 0 && performance.now() >= roundEndsAtMs;
  const isOver = executionsMax === undefined ? isTimeUp : (count: number): boolean => count >= executionsMax;
  const round = fuzzRound({ seed: firstSeed + rounds.length, tallies, isOver, slowMs });
  rounds.push(round);
  console.log(`seed ${round.seed}: ${round.executions} executions, ${round.findings.length} findings`);
} while (executionsMax === undefined && performance.now() < endsAtMs);
const tookMs = performance.now() - startedAtMs;

const findings = rounds.flatMap((round) => round.findings);
findings.forEach(print);
if (executionsMax === undefined) {
  const inputs = rounds.flatMap(({ corpus }) => corpus);
  const coverage = await coverageOf(inputs, join(repositoryRoot, 'libs/webhook-sources/src/'));
  writeFileSync(reportPath, fuzzReport({ commit, tookMs, slowMs, rounds, tallies, coverage }));
  console.log(`see ${reportPath}`);
}
console.log(`${sum(rounds, ({ executions }) => executions)} executions, ${findings.length} findings`);
process.exit(findings.length > 0 ? 1 : 0);

/** A finding as a recording, to be read by `waybill sources parse` or kept as a test. */
function print({ seed, execution, what, input }: Finding): void {
  const path = join(mkdtempSync(join(tmpdir(), 'waybill-fuzz-')), `${input.kind}.json`);
  const { kind, headers, registryHost } = input;
  writeFileSync(path, JSON.stringify({ source: 'npm run fuzz', headers, rawBody: input.body.toString(), config: { registryHost } }));
  console.log(`${kind}: ${what}\n  npm run fuzz -- --seed ${seed} --executions ${execution}\n  ${path}`);
}
