// `npm run fuzz`: ten minutes of changed recordings against the parsers of webhooks, with a report in the end.
// `--minutes <number>` for another time, `--seed <number> --executions <number>` to come to a finding again. Exit code 1 where there is one.
import { mkdtempSync, writeFileSync } from 'node:fs';
import { cpus, tmpdir, totalmem } from 'node:os';
import { join, relative } from 'node:path';
import { parseArgs } from 'node:util';
import { execa } from 'execa';
import { repositoryRoot } from '../../infra/local/paths.ts';
import type { SourceKind } from '@waybill/webhook-sources';
import { coverageOf, type FileCoverage } from './coverage.ts';
import { fuzzRound, type Finding, type FuzzRound, type KindTally } from './fuzz.ts';

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

const findings = rounds.flatMap((round) => round.findings);
const corpus = rounds.flatMap((round) => round.corpus);
findings.forEach(print);
if (executionsMax === undefined)
  writeFileSync(reportPath, reportOf(await coverageOf(corpus, join(repositoryRoot, 'libs/webhook-sources/src/'))));
console.log(
  `${sum(rounds, (round) => round.executions)} executions, ${findings.length} findings${executionsMax === undefined ? `; see ${reportPath}` : ''}`,
);
process.exit(findings.length > 0 ? 1 : 0);

function print({ seed, execution, what, input }: Finding): void {
  const path = join(mkdtempSync(join(tmpdir(), 'waybill-fuzz-')), `${input.kind}.json`);
  const { kind, headers, registryHost } = input;
  writeFileSync(
    path,
    JSON.stringify({ source: 'npm run fuzz', headers, rawBody: input.body.toString('latin1'), config: { registryHost } }),
  );
  console.log(`${kind}: ${what}\n  npm run fuzz -- --seed ${seed} --executions ${execution}\n  ${path}`);
}

function sum<T>(items: readonly T[], count: (item: T) => number): number {
  return items.reduce((total, item) => total + count(item), 0);
}

function reportOf(files: readonly FileCoverage[]): string {
  const seconds = (performance.now() - startedAtMs) / 1_000;
  const executions = sum(rounds, (round) => round.executions);
  const machine = `${cpus().length} cores (${cpus()[0]?.model ?? 'unknown'}), ${Math.round(totalmem() / 2 ** 30)} GiB`;
  const slowest = [...tallies].toSorted(([, a], [, b]) => b.slowestMs - a.slowestMs)[0];
  const inFolder = (folder: string): readonly FileCoverage[] => files.filter(({ path }) => path.includes(`/sources/${folder}/`));
  const rows = [...tallies]
    .toSorted(([a], [b]) => (a < b ? -1 : 1))
    .map(([kind, tally]) => [
      ...[kind, tally.executions, tally.outcomes.events, tally.outcomes.ignored, tally.outcomes.malformed, tally.outcomes.handshake],
      ...[
        tally.results.size,
        `${tally.slowestMs.toFixed(1)} (${tally.slowestBytes})`,
        reached(inFolder(kind)),
        missedLines(inFolder(kind)),
      ],
    ]);
  const head = [
    'source',
    'read',
    'events',
    'ignored',
    'malformed',
    'handshakes',
    'results',
    'slowest CPU ms (bytes)',
    'lines reached',
    'not reached',
  ];
  const common = files.filter(
    ({ path }) => !/\/(?:sources|auth|endpoint)\/|\/(?:testing|index|receipt|canonical|cloud-event-hook)\.ts$/.test(path),
  );
  return `${[
    '# Fuzzing the parsers of webhooks',
    `\`npm run fuzz\`, last on ${new Date().toISOString().slice(0, 10)}: ${machine}, Node ${process.version}, V8 ${process.versions.v8}, commit ${commit}.`,
    [
      `${executions} executions in ${seconds.toFixed(0)} s on one core;`,
      `${rounds.length} rounds, seeds ${rounds[0]?.seed} to ${rounds.at(-1)?.seed}. **Findings: ${findings.length === 0 ? 'none' : findings.length}.**`,
      slowest === undefined
        ? ''
        : `Slowest: ${slowest[1].slowestMs.toFixed(1)} ms of CPU, for ${slowest[1].slowestBytes} bytes at ${slowest[0]}.`,
    ].join('\n'),
    [
      'Every recording of `test/fixtures/webhooks` is changed in its bytes, in the structure of its JSON, in its headers, and in the endpoint that',
      'it comes to; what gives a kind of result that was not seen before is changed further. A finding is a parser that throws; an event that',
      'is not sound (`libs/webhook-sources/src/testing.ts`: names, tags, digests, ids, times, bounds, text that can be encoded), or of another',
      `host than the configured one; a second reading with another result; and more than ${slowMs} ms of CPU, in the best of five, for at most 1 MiB.`,
      'A round is repeated with `--seed <number> --executions <number>`.',
    ].join('\n'),
    [head, head.map(() => '---'), ...rows].map((cells) => `| ${cells.join(' | ')} |`).join('\n'),
    `What all share (${common.map(({ path }) => `\`${relative(join(repositoryRoot, 'libs/webhook-sources/src'), path)}\``).join(', ')}): ${reached(common)} of the lines reached.`,
    [
      'Results differ in outcome, reasons, types of events, and which of their fields are known. Lines are counted by V8 in a process of its own,',
      `which reads the recordings and the ${corpus.length} inputs that gave a new kind of result in their round. Answers to \`OPTIONS\` are no parsing:`,
      'their lines are reached by no delivery.',
    ].join('\n'),
  ].join('\n\n')}\n`;
}

function reached(files: readonly FileCoverage[]): string {
  const [all, missed] = [sum(files, ({ linesCount }) => linesCount), sum(files, (file) => file.missed.length)];
  return all === 0 ? '-' : `${((100 * (all - missed)) / all).toFixed(0)} %`;
}

function missedLines(files: readonly FileCoverage[]): string {
  return files
    .filter(({ missed }) => missed.length > 0)
    .map(({ path, missed }) => `${path.slice(path.lastIndexOf('/') + 1)}: ${missed.join(', ')}`)
    .join('; ');
}
