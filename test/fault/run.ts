// `npm run test:fault`: every fault on real processes, one after the other, told while it happens, with a report in the end.
// `--seed <number>` repeats a run, `--only T2,T8` (names of tests, or files) runs a part. The report takes the rows of what has held; those
// of a part replace their older ones.
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, globSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { cpus, tmpdir, totalmem } from 'node:os';
import { basename, join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { parseArgs } from 'node:util';
import { execa } from 'execa';
import { repositoryRoot } from '../../infra/local/paths.ts';
import { ensureKafka } from '../../infra/local/tools.ts';
import type { FaultRow } from '../support/fault-run.ts';

const filesInOrder = ['model', 'kills', 'members', 'poison', 'disk', 'brokers', 'log', 'crash'];
const fileMsMax = 60 * 60_000;
const reportPath = join(repositoryRoot, 'docs/reports/stream-faults.md');

/** @throws Error for options that are not known, and for a test that is in no file */
function parseCommandLine() {
  const { values } = parseArgs({ options: { seed: { type: 'string' }, only: { type: 'string' } } });
  const seed = values.seed === undefined ? Math.floor(Math.random() * 2 ** 32) : Number(values.seed);
  if (!Number.isSafeInteger(seed)) throw new Error('--seed wants a whole number');
  const files = filesInOrder.map((name) => `test/fault/${name}.test.ts`).filter((file) => existsSync(join(repositoryRoot, file)));
  const unplanned = globSync('test/fault/*.test.ts', { cwd: repositoryRoot }).filter((file) => !files.includes(file));
  if (unplanned.length > 0) throw new Error(`${unplanned.join(', ')}: say in test/fault/run.ts when it is to run`);
  if (values.only === undefined) return { seed, files, grep: [] };
  const wanted = values.only.split(',');
  const holds = (file: string, name: string): boolean =>
    basename(file, '.test.ts') === name || readFileSync(join(repositoryRoot, file), 'utf8').includes(`\`${name}, seed`);
  const missing = wanted.filter((name) => !files.some((file) => holds(file, name)));
  if (missing.length > 0) throw new Error(`--only ${missing.join(', ')}: there is no such test`);
  const tests = wanted.filter((name) => /^T\d+$/.test(name));
  const grep = tests.length > 0 ? ['--grep', `^(${tests.join('|')}), seed`] : [];
  return { seed, files: files.filter((file) => wanted.some((name) => holds(file, name))), grep };
}

async function main(): Promise<number> {
  const { seed, files, grep } = parseCommandLine();
  const startedAtMs = performance.now();
  const folder = mkdtempSync(join(tmpdir(), 'waybill-fault-run-'));
  const [progressPath, rowsPath] = [join(folder, 'progress'), join(folder, 'rows')];
  writeFileSync(progressPath, '');
  writeFileSync(rowsPath, '');
  console.log(`seed ${seed}: npm run test:fault -- --seed ${seed}`);
  const env = { ...process.env, WAYBILL_FAULT_SEED: String(seed), WAYBILL_FAULT_PROGRESS: progressPath, WAYBILL_FAULT_ROWS: rowsPath };
  const argv = ['test/run.ts', '--timeout-ms', String(fileMsMax), ...grep, ...files];
  const child = spawn(process.execPath, argv, { cwd: repositoryRoot, env, stdio: 'inherit' });
  const ended = once(child, 'exit');
  const over = new AbortController();
  const following = follow(progressPath, startedAtMs, over.signal);
  const [code] = (await ended) as [number | null];
  over.abort();
  await following;
  const rows = readFileSync(rowsPath, 'utf8')
    .split('\n')
    .filter(Boolean)
    .map((line) => JSON.parse(line) as FaultRow);
  rmSync(folder, { recursive: true });
  const table = rows.length > 0 ? await updateReport(rows, seed) : '';
  console.log(`\n${table}\n\n${((performance.now() - startedAtMs) / 60_000).toFixed(1)} minutes, seed ${seed}; see ${reportPath}`);
  return code ?? 1;
}

/** Prints what the tests tell, with the time since the whole run began. */
async function follow(path: string, startedAtMs: number, signal: AbortSignal): Promise<void> {
  for (let told = 0, isLast = false; ;) {
    const lines = readFileSync(path, 'utf8').split('\n').slice(0, -1);
    for (const line of lines.slice(told)) console.log(`${((performance.now() - startedAtMs) / 1_000).toFixed(0).padStart(6)} s  ${line}`);
    told = lines.length;
    if (isLast) return;
    isLast = signal.aborted;
    await sleep(300);
  }
}

type ReportRow = { readonly key: string; readonly cells: readonly string[] };

const rowOf = (cells: readonly string[]): ReportRow => ({ key: cells.slice(0, 2).join(), cells });
const head = ['test', 'what is broken', 'faults', 'checked by the oracle', 'seconds', 'seed', 'commit'];

const tableOf = (rows: readonly ReportRow[]): string =>
  [head, head.map(() => '---'), ...rows.map(({ cells }) => cells)].map((cells) => `| ${cells.join(' | ')} |`).join('\n');

const rowsOfReport = (text: string): readonly ReportRow[] =>
  text
    .split('\n')
    .filter((line) => /^\| T\d/.test(line))
    .map((line) => rowOf(line.slice(2, -2).split(' | ')));

async function updateReport(rows: readonly FaultRow[], seed: number): Promise<string> {
  const git = await execa('git', ['describe', '--always', '--dirty', '--abbrev=7'], { cwd: repositoryRoot });
  const fresh = rows.map(({ test, what, faults, checked, tookMs }) =>
    rowOf([test, what, faults, checked, (tookMs / 1_000).toFixed(0), String(seed), git.stdout]),
  );
  const known = existsSync(reportPath) ? rowsOfReport(readFileSync(reportPath, 'utf8')) : [];
  const kept = known.filter(({ key }) => !fresh.some((row) => row.key === key));
  const numberOf = ({ cells }: ReportRow): number => Number(cells[0]!.slice(1));
  const table = tableOf([...kept, ...fresh].toSorted((a, b) => numberOf(a) - numberOf(b)));
  const kafka = basename(globSync('kafka_*.jar', { cwd: await ensureKafka() })[0] ?? 'kafka', '.jar');
  const machine = `${cpus().length} cores (${cpus()[0]?.model ?? 'unknown'}), ${Math.round(totalmem() / 2 ** 30)} GiB`;
  const text = [
    '# Faults of the stream runtime',
    `\`npm run test:fault\`, last on ${new Date().toISOString().slice(0, 10)}: ${machine}, Node ${process.version}, ${kafka}.`,
    [
      'Every row is real processes and real brokers, and ends in one oracle (`test/support/oracle.ts`): the fold of the inputs by the pure',
      'stage alone is, byte for byte, the state topic and the local store; outputs are those of the fold, each once, in order per key;',
      'committed offsets cover what was processed and not more; and a read-committed reader that ran all the time saw the final log.',
      'A row is written when everything in it has held; `--seed` and `--only` repeat it. Beside them run the schedules of the model',
      '(`model.test.ts`) and the crashes of whole apps (`crash.md`).',
    ].join('\n'),
    table,
  ];
  writeFileSync(reportPath, `${text.join('\n\n')}\n`);
  return table;
}

try {
  process.exit(await main());
} catch (error) {
  console.error(error instanceof Error ? error.message : error);
  process.exit(2);
}
