import { cpus, totalmem } from 'node:os';
import { basename } from 'node:path';
import type { SourceKind } from '@waybill/webhook-sources';
import type { FileCoverage } from './coverage.ts';
import type { FuzzRound, KindTally } from './fuzz.ts';

export type FuzzRun = {
  readonly commit: string;
  readonly tookMs: number;
  readonly slowMs: number;
  readonly rounds: readonly FuzzRound[];
  readonly tallies: ReadonlyMap<SourceKind, KindTally>;
  readonly coverage: readonly FileCoverage[];
};

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

/** The run as a page of `docs/reports`. */
export function fuzzReport(run: FuzzRun): string {
  const rows = [...run.tallies].toSorted(([a], [b]) => (a < b ? -1 : 1)).map((entry) => rowOf(entry, run.coverage));
  const table = [head, head.map(() => '---'), ...rows].map((cells) => `| ${cells.join(' | ')} |`).join('\n');
  return `${['# Fuzzing the parsers of webhooks', summaryOf(run), methodOf(run), table, readingOf(run)].join('\n\n')}\n`;
}

function summaryOf({ commit, tookMs, rounds, tallies }: FuzzRun): string {
  const machine = `${cpus().length} cores (${cpus()[0]?.model ?? 'unknown'}), ${Math.round(totalmem() / 2 ** 30)} GiB`;
  const [slowestKind, slowest] = [...tallies].toSorted(([, a], [, b]) => b.slowestMs - a.slowestMs)[0]!;
  const findings = sum(rounds, (round) => round.findings.length);
  return [
    `\`npm run fuzz\`, last on ${new Date().toISOString().slice(0, 10)}: ${machine}, Node ${process.version},`,
    `V8 ${process.versions.v8}, commit ${commit}.`,
    '',
    `${sum(rounds, (round) => round.executions)} executions in ${(tookMs / 1_000).toFixed(0)} s on one core, which others used too;`,
    `${rounds.length} rounds, seeds ${rounds[0]!.seed} to ${rounds.at(-1)!.seed}. **Findings: ${findings === 0 ? 'none' : findings}.**`,
    `Slowest: ${slowest.slowestMs.toFixed(1)} ms of CPU, for ${slowest.slowestBytes} bytes at ${slowestKind}.`,
  ].join('\n');
}

const methodOf = ({ slowMs }: FuzzRun): string =>
  [
    'Every recording of `test/fixtures/webhooks` is changed in its bytes, in the structure of its JSON, in its headers, and in the',
    'endpoint that it comes to; what gives a kind of result that was not seen before is changed further. A finding is a parser that',
    'throws; an event that is not sound (`libs/webhook-sources/src/testing.ts`: names, tags, digests, ids, times, bounds, text that can',
    'be encoded), or of another host than the configured one; a second reading with another result; and what takes more than',
    `${slowMs} ms of CPU in the best of five, for at most 1 MiB. A round is repeated with \`--seed <number> --executions <number>\`.`,
  ].join('\n');

function rowOf([kind, tally]: readonly [SourceKind, KindTally], coverage: readonly FileCoverage[]): readonly (string | number)[] {
  const { executions, outcomes, results, slowestMs, slowestBytes } = tally;
  const own = coverage.filter(({ path }) => path.includes(`/sources/${kind}/`));
  const missed = own.filter((file) => file.missed.length > 0).map((file) => `${basename(file.path)}: ${file.missed.join(', ')}`);
  return [
    ...[kind, executions, outcomes.events, outcomes.ignored, outcomes.malformed, outcomes.handshake, results.size],
    ...[`${slowestMs.toFixed(1)} (${slowestBytes})`, reached(own), missed.join('; ')],
  ];
}

/** Beside the sources, what every delivery passes. */
const isCommon = (path: string): boolean =>
  !/\/(?:sources|auth|endpoint)\//.test(path) && !/^(?:testing|index|receipt|canonical|cloud-event-hook)\.ts$/.test(basename(path));

function readingOf({ rounds, coverage }: FuzzRun): string {
  const common = coverage.filter(({ path }) => isCommon(path));
  const inputs = sum(rounds, ({ corpus }) => corpus.length);
  return [
    `What all share (${common.map(({ path }) => `\`${basename(path)}\``).join(', ')}):`,
    `${reached(common)} of the lines reached.`,
    '',
    'Results differ in outcome, reasons, types of events, and which of their fields are known. Lines are counted by V8 in a process of',
    `its own, which reads the ${inputs} inputs of all rounds that gave a new kind of result, recordings among them.`,
    'Answers to `OPTIONS` are no parsing: their lines are reached by no delivery.',
  ].join('\n');
}

function reached(files: readonly FileCoverage[]): string {
  const [all, missed] = [sum(files, ({ linesCount }) => linesCount), sum(files, (file) => file.missed.length)];
  return all === 0 ? '-' : `${((100 * (all - missed)) / all).toFixed(0)} %`;
}

export const sum = <T>(items: readonly T[], count: (item: T) => number): number => items.reduce((total, item) => total + count(item), 0);
