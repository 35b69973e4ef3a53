import { execFileSync } from 'node:child_process';
import { appendFileSync, mkdirSync, writeFileSync } from 'node:fs';
import { cpus, release, totalmem } from 'node:os';
import { join, relative } from 'node:path';
import { repositoryRoot } from '../../infra/local/paths.ts';
import { renderTable } from '../../infra/local/table.ts';
import type { Row, Sample } from './bench.ts';

const resultsDir = join(repositoryRoot, '.waybill/bench');

/** A file of JSON lines for this process' figures. @param suite Which bench */
export function openResults(suite: string) {
  mkdirSync(resultsDir, { recursive: true });
  const startedAt = new Date().toISOString();
  const path = join(resultsDir, `${suite}-${startedAt.replaceAll(/[:.]/g, '-')}.jsonl`);
  return {
    path: relative(repositoryRoot, path),
    note(experiment: string, variant: string, sample: Sample): void {
      appendFileSync(path, `${JSON.stringify({ at: new Date().toISOString(), experiment, variant, ...sample })}\n`);
      const figures = Object.entries(sample).flatMap(([name, value]) => (typeof value === 'number' ? [`${name} ${round(value)}`] : []));
      console.log(`  ${experiment}: ${variant}: ${figures.join(', ')}`);
    },
    /** Keeps a file beside the results. @returns where */
    keep(name: string, content: string): string {
      writeFileSync(join(resultsDir, name), content);
      return relative(repositoryRoot, join(resultsDir, name));
    },
  };
}

const round = (value: number): string =>
  Math.abs(value) >= 1_000 ? Math.round(value).toLocaleString('en') : String(Math.round(value * 100) / 100);

export type Report = {
  readonly suite: string;
  readonly startedAtMs: number;
  /** What a reader has to know of the run, beside machine and versions. Lines. */
  readonly conditions: readonly string[];
  /** Versions beside Node's. */
  readonly versions: readonly string[];
  readonly rows: readonly Row[];
  /** Chapters behind the table. */
  readonly chapters: readonly { readonly title: string; readonly lines: readonly string[] }[];
};

/** @returns where it was written */
export function writeReport(report: Report): string {
  const path = join(repositoryRoot, `docs/reports/bench-${report.suite}.md`);
  writeFileSync(path, reportText(report, machineText(report.versions)));
  return relative(repositoryRoot, path);
}

export const versionOf = (command: string, ...args: readonly string[]): string =>
  execFileSync(command, args, { encoding: 'utf8' }).split('\n', 1)[0]!;

/** The machine and the versions, in one sentence. */
function machineText(versions: readonly string[]): string {
  const { length, 0: cpu } = cpus();
  const memoryGib = Math.round(totalmem() / 1_024 ** 3);
  const machine = `${length} cores (${cpu?.model ?? 'unknown'}), ${memoryGib} GiB, Linux ${release()}`;
  return [machine, `Node ${process.versions.node}`, ...versions].join(', ');
}

export function reportText({ suite, startedAtMs, conditions, rows, chapters }: Report, machine: string): string {
  const cells = (row: readonly string[]): string => `| ${row.map((cell) => cell.replaceAll('|', '\\|')).join(' | ')} |`;
  const verdict = ({ isReached }: Row): string => (isReached === undefined ? '' : isReached ? 'yes' : '**no**');
  const minutes = Math.round((Date.now() - startedAtMs) / 60_000);
  return [
    `# ${suite[0]!.toUpperCase()}${suite.slice(1)} bench`,
    '',
    `\`npm run bench -- ${suite}\` on ${new Date(startedAtMs).toISOString().slice(0, 10)}, ${minutes} minutes: ${machine}.`,
    ...conditions,
    'What each line is: `test/bench/README.md`.',
    '',
    cells(['what', 'goal', 'measured', 'reached', 'figures']),
    cells(['---', '---', '---', '---', '---']),
    ...rows.map((row) => cells([row.what, row.goal, row.measured, verdict(row), row.figures])),
    '',
    ...chapters.flatMap(({ title, lines }) => [`## ${title}`, '', ...lines, '']),
  ].join('\n');
}

/** A text that keeps its columns. */
export const verbatim = (text: string): readonly string[] => ['```text', text, '```'];

export const shown = (rows: readonly Row[]): string =>
  renderTable([
    ['what', 'goal', 'measured', ''],
    ...rows.map(({ what, goal, measured, isReached }) => [what, goal, measured, isReached === undefined ? '' : isReached ? 'yes' : 'NO']),
  ]);
