// `npm run test:fault`: every fault on real processes, one after the other, told while it happens, with a report in the end.
// `--seed <number>` repeats a run, `--only T2,T8` (names of tests, or files) runs a part. What fails does not keep the rest from running.
// The report takes the rows of what has held: a whole run writes it anew, those of a part replace their older ones. The last line sums up,
// and the exit code is 0 only if everything has held.
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
import { marks, type FaultRow } from '../support/fault-run.ts';

const filesInOrder = ['model', 'kills', 'members', 'poison', 'registry', 'disk', 'brokers', 'log', 'gateway', 'crash'];
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
  if (values.only === undefined) return { seed, files, tests: [], grep: [], isWhole: true };
  const wanted = values.only.split(',');
  const holds = (file: string, name: string): boolean =>
    basename(file, '.test.ts') === name || readFileSync(join(repositoryRoot, file), 'utf8').includes(`\`${name}, seed`);
  const missing = wanted.filter((name) => !files.some((file) => holds(file, name)));
  if (missing.length > 0) throw new Error(`--only ${missing.join(', ')}: there is no such test`);
  const tests = wanted.filter((name) => /^(M|T\d+)$/.test(name));
  const grep = tests.length > 0 ? ['--grep', `^(${tests.join('|')}), seed`] : [];
  return { seed, files: files.filter((file) => wanted.some((name) => holds(file, name))), tests, grep, isWhole: false };
}

async function main(): Promise<number> {
  const { seed, files, tests, grep, isWhole } = parseCommandLine();
  const startedAtMs = performance.now();
  const commit = await commitText();
  const folder = mkdtempSync(join(tmpdir(), 'waybill-fault-run-'));
  const [progressPath, rowsPath] = [join(folder, 'progress'), join(folder, 'rows')];
  writeFileSync(progressPath, '');
  writeFileSync(rowsPath, '');
  console.log(`seed ${seed}, commit ${commit}: npm run test:fault -- --seed ${seed}`);
  const told = { WAYBILL_FAULT_PROGRESS: progressPath, WAYBILL_FAULT_ROWS: rowsPath, WAYBILL_FAULT_COMMIT: commit };
  const env = { ...process.env, ...told, WAYBILL_FAULT_SEED: String(seed) };
  const argv = ['test/run.ts', '--timeout-ms', String(fileMsMax), ...grep, ...files];
  const child = spawn(process.execPath, argv, { cwd: repositoryRoot, env, stdio: 'inherit' });
  const ended = once(child, 'exit');
  const over = new AbortController();
  const rowsCount = rowsPlanned(files, tests);
  const following = follow({ path: progressPath, startedAtMs, rowsCount, signal: over.signal });
  const [code] = (await ended) as [number | null];
  over.abort();
  const failed = await following;
  const rows = readFileSync(rowsPath, 'utf8')
    .split('\n')
    .filter(Boolean)
    .map((line) => JSON.parse(line) as FaultRow);
  rmSync(folder, { recursive: true });
  const isUnchanged = (await commitText()) === commit;
  const marked = isUnchanged || commit.endsWith('-dirty') ? commit : `${commit}-dirty`;
  const without = rowsCount === 0 ? 'what was run writes a report of its own' : 'nothing has held';
  const table = rows.length > 0 ? await updateReport({ rows, seed, commit: marked, isWhole, failed }) : without;
  const minutes = ((performance.now() - startedAtMs) / 60_000).toFixed(1);
  console.log(`\n${table}\n`);
  console.log(
    `fault run: ${rows.length} of ${rowsCount} rows held${failed.length > 0 ? `, not: ${failed.join(', ')}` : ''}; ` +
      `${minutes} minutes, seed ${seed}, commit ${marked}; exit code ${code ?? 1}; see ${reportPath}`,
  );
  return code ?? 1;
}

/** What the files have of rows for the report. */
const rowsPlanned = (files: readonly string[], tests: readonly string[]): number =>
  files
    .flatMap((file) => [...readFileSync(join(repositoryRoot, file), 'utf8').matchAll(/\brecorded\(\s*'(\w+)'/g)])
    .filter(([, test]) => tests.length === 0 || tests.includes(test!)).length;

/** What is run: changes of the reports alone do not count, as a run makes them. */
async function commitText(): Promise<string> {
  const git = async (...args: readonly string[]): Promise<string> => (await execa('git', args, { cwd: repositoryRoot })).stdout;
  const changes = await git('status', '--porcelain', '--untracked-files=no', '--', '.', ':!docs/reports');
  return `${await git('rev-parse', '--short=7', 'HEAD')}${changes === '' ? '' : '-dirty'}`;
}

type Following = { readonly path: string; readonly startedAtMs: number; readonly rowsCount: number; readonly signal: AbortSignal };

/** Prints what the tests tell, with the time since the whole run began. @returns tests that have failed */
async function follow({ path, startedAtMs, rowsCount, signal }: Following): Promise<readonly string[]> {
  let begunCount = 0;
  const failed: string[] = [];
  for (let toldCount = 0, isLast = false; ;) {
    const lines = readFileSync(path, 'utf8').split('\n').slice(0, -1);
    for (const line of lines.slice(toldCount)) {
      if (line.includes(marks.begins)) begunCount += 1;
      if (line.includes(marks.fails)) failed.push(line.split(' ', 1)[0]!);
      const seconds = ((performance.now() - startedAtMs) / 1_000).toFixed(0).padStart(5);
      console.log(`${seconds} s  ${begunCount} of ${rowsCount}  ${line}`);
    }
    toldCount = lines.length;
    if (isLast) return failed;
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
    .filter((line) => /^\| (M|T\d)/.test(line))
    .map((line) => rowOf(line.slice(2, -2).split(' | ')));

type Report = {
  readonly rows: readonly FaultRow[];
  readonly seed: number;
  readonly commit: string;
  readonly isWhole: boolean;
  readonly failed: readonly string[];
};

async function updateReport({ rows, seed, commit, isWhole, failed }: Report): Promise<string> {
  const fresh = rows.map(({ test, what, faults, checked, tookMs }) =>
    rowOf([test, what, faults, checked, (tookMs / 1_000).toFixed(0), String(seed), commit]),
  );
  const known = !isWhole && existsSync(reportPath) ? rowsOfReport(readFileSync(reportPath, 'utf8')) : [];
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
      'A row is written when everything in it has held; `--seed` and `--only` repeat it. M is no such row: it is the runtime over a broker',
      'in memory (`libs/stream/src/model`), with an oracle of its own. The crashes of whole apps are in `crash.md`.',
    ].join('\n'),
    table,
    ...(failed.length > 0 ? [`Begun in the last run and not held: ${failed.join(', ')}.`] : []),
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
