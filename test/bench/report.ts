import { execFileSync } from 'node:child_process';
import { appendFileSync, mkdirSync, writeFileSync } from 'node:fs';
import { cpus, release, totalmem } from 'node:os';
import { join, relative } from 'node:path';
import { repositoryRoot } from '../../infra/local/paths.ts';
import type { Row, Sample } from './bench.ts';

export const reportPath = join(repositoryRoot, 'docs/reports/bench-stream.md');
const resultsDir = join(repositoryRoot, '.waybill/bench');

/** A file of JSON lines for this process' figures. */
export function openResults() {
  mkdirSync(resultsDir, { recursive: true });
  const startedAt = new Date().toISOString();
  const path = join(resultsDir, `stream-${startedAt.replaceAll(/[:.]/g, '-')}.jsonl`);
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
  readonly rows: readonly Row[];
  readonly startedAtMs: number;
  readonly runs: number;
  readonly records: number;
  /** Where the time goes, as text. */
  readonly profile: string;
};

/** @returns where it was written */
export function writeReport(report: Report): string {
  writeFileSync(reportPath, reportText(report, machineText()));
  return relative(repositoryRoot, reportPath);
}

/** The machine and the versions, in one sentence. */
function machineText(): string {
  const javaVersion = execFileSync('java', ['--version'], { encoding: 'utf8' }).split('\n')[0];
  const { length, 0: cpu } = cpus();
  const memoryGib = Math.round(totalmem() / 1_024 ** 3);
  const machine = `${length} cores (${cpu?.model ?? 'unknown'}), ${memoryGib} GiB, Linux ${release()}`;
  return `${machine}, Node ${process.versions.node}, ${javaVersion}`;
}

export function reportText({ rows, startedAtMs, runs, records, profile }: Report, machine: string): string {
  const cells = (row: readonly string[]): string => `| ${row.map((cell) => cell.replaceAll('|', '\\|')).join(' | ')} |`;
  const verdict = ({ isReached }: Row): string => (isReached === undefined ? '' : isReached ? 'yes' : '**no**');
  const minutes = Math.round((Date.now() - startedAtMs) / 60_000);
  return [
    '# Stream bench',
    '',
    `\`npm run bench -- stream\` on ${new Date(startedAtMs).toISOString().slice(0, 10)}: ${machine}.`,
    `Kafka and Kafka Streams as in \`test/bench/peers/streams/pom.xml\`; one broker, replication 1, six partitions.`,
    `${records.toLocaleString('en')} records of 400 bytes; medians of ${runs} (least to most), variants in turn; ${minutes} minutes.`,
    'Broker, peer and Waybill share the cores. What each line is: `test/bench/README.md`.',
    '',
    cells(['what', 'goal', 'measured', 'reached', 'figures']),
    cells(['---', '---', '---', '---', '---']),
    ...rows.map((row) => cells([row.what, row.goal, row.measured, verdict(row), row.figures])),
    '',
    '## Where the time goes',
    '',
    'One process, sampled in a run of its own: microseconds of the main thread per record.',
    '',
    '```text',
    profile,
    '```',
    '',
  ].join('\n');
}
