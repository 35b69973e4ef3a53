import { existsSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { Worker } from 'node:worker_threads';
import { redeliverArguments, type RedeliverAnswer, type RedeliverRequest } from '@waybill/app-kit';
import { dropSandbox, listSandboxes } from '@waybill/kafka';
import { findSandbox, parseSandbox, type Redelivery } from '@waybill/stream';
import type { Console, OutputFormat } from '../console.ts';
import { CliError, type ExitCode, exitCodes } from '../exit.ts';
import { type Column, table } from '../output/table.ts';
import { dateTime, grouped, shortId } from '../output/text.ts';
import { requireListening } from '../reach.ts';

/** Not the audit: what it says hangs together in the order in which it came. `waybill audit verify` does that again. */
const appNames = ['dedup', 'inspector', 'policy', 'replicator', 'scanner', 'usage'];

export type RedeliverOptions = {
  readonly output: OutputFormat;
  readonly app: string;
  readonly brokers: readonly string[];
  readonly registryUrl: string;
  /** Of the app's process; its other settings are those of this environment. */
  readonly env: Readonly<Record<string, string | undefined>>;
  /** The `main.ts` of another checkout, whose code is to run; the one beside this command unless given. */
  readonly entry: string | undefined;
  readonly drops: boolean;
  readonly request: RedeliverRequest;
};

/**
 * Runs an app over a range of its inputs again, in a sandbox, and shows what it says otherwise than it did.
 * @returns 0 where it says the same, 1 where it does not, or was given nothing
 * @throws CliError 1 for a range that is refused, 2 for an app that is none, 3 where Kafka is away
 */
export async function redeliverRange(options: RedeliverOptions, console: Console, run = runInThread): Promise<ExitCode> {
  const { output, app, brokers, drops, request } = options;
  const entry = entryOf(options);
  refuseName(request.sandbox);
  await requireKafka(brokers);
  const answer = await run(entry, options).catch((cause: unknown) => {
    throw isOfConfig(cause) ? new CliError(exitCodes.usage, cause.message, configurationText, { cause }) : cause;
  });
  if ('refused' in answer) {
    const { code, message } = answer.refused;
    const isAway = code === 'LOG_UNAVAILABLE';
    const next = `${code}: see docs/runbooks/codes.md. If it got as far as a sandbox: \`waybill redeliver drop ${request.sandbox}\`.`;
    throw new CliError(isAway ? exitCodes.unreachable : exitCodes.no, message, next);
  }
  if (drops) await dropSandbox(brokers, request.sandbox);
  const { redelivery } = answer;
  if (output === 'json') console.out(JSON.stringify({ ...redelivery, dropped: drops }, null, 2));
  else console.out([...report(redelivery, app, console), '', drops ? 'The sandbox is gone.' : keptText(redelivery)].join('\n'));
  return isSame(redelivery) ? exitCodes.done : exitCodes.no;
}

/** An error from another thread is a copy, and of no class of ours. */
const isOfConfig = (error: unknown): error is Error => error instanceof Error && 'code' in error && error.code === 'CONFIG_INVALID';
const configurationText = 'The app takes its settings from the environment of this command: see docs/configuration.md.';

/** Nothing was shown by a range in which there is nothing. */
const isSame = ({ inputsCount, outputs, parkedCount }: Redelivery): boolean =>
  inputsCount > 0 && parkedCount === 0 && outputs.every(({ changed, additional, missing }) => changed + additional + missing === 0);

/** @throws CliError 2 for what is no app */
function entryOf({ app, entry }: RedeliverOptions): string {
  if (!appNames.includes(app))
    throw new CliError(
      exitCodes.usage,
      `${app} is no app that reads the log`,
      `There are ${appNames.join(', ')}; \`waybill audit verify\` does the audit again.`,
    );
  const path = entry ?? join(import.meta.dirname, '../../..', app, 'src/main.ts');
  if (!existsSync(path)) throw new CliError(exitCodes.usage, `there is no ${path}`, 'Name the main.ts of an app with --entry.');
  return path;
}

/**
 * The app's own entry, so that the code which runs is the code that runs live, with its configuration; apps do not import each other.
 * In a thread: it ends with this command, however that ends. Its folder of state is a new one, and gone afterwards.
 */
async function runInThread(entry: string, { brokers, registryUrl, env, request }: RedeliverOptions): Promise<RedeliverAnswer> {
  const folder = mkdtempSync(join(tmpdir(), 'waybill-redeliver-'));
  const places = { KAFKA_BROKERS: brokers.join(','), SCHEMA_REGISTRY_URL: registryUrl, STATE_DIR: folder, SNAPSHOT_DIR: '' };
  try {
    const argv = [...redeliverArguments(request)];
    const worker = new Worker(pathToFileURL(entry), { argv, env: { LOG_LEVEL: 'warn', ...env, ...places }, stdout: true });
    let said = '';
    worker.stdout.on('data', (chunk: Buffer | string) => (said += chunk.toString()));
    await new Promise<void>((resolve, reject) => worker.once('error', reject).once('exit', () => resolve()));
    const last = said.trimEnd().split('\n').at(-1) ?? '';
    if (!last.startsWith('{')) throw new Error(`${entry} ended without an answer: is it of a version that knows --redeliver?`);
    return JSON.parse(last) as RedeliverAnswer;
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

function report(redelivery: Redelivery, app: string, console: Console): readonly string[] {
  const { sandbox, ranges, inputsCount, state, outputs, differences, parked, parkedCount, waitingCount, aheadCount } = redelivery;
  const start = state === 'now' ? 'the rows that the live one has now' : 'no rows';
  const lines = [
    `${app} took ${grouped(inputsCount)} records of ${ranges.length} ranges in the sandbox ${sandbox}, beginning with ${start}`,
  ];
  lines.push('', outputs.length === 0 ? 'It said nothing, and neither did the live one.' : table(outputs, outputColumns, console));
  if (differences.length > 0) lines.push('', table(differences, differenceColumns, console));
  if (parkedCount > 0)
    lines.push('', `${grouped(parkedCount)} parked, and ${grouped(waitingCount)} wait behind them:`, table(parked, parkedColumns, console));
  const notes = [
    ...Object.entries(redelivery.wouldRun).map(([kind, count]) => `would run ${kind}: ${grouped(count)}`),
    ...Object.entries(redelivery.ignored).map(([reason, count]) => `nothing for ${grouped(count)}: ${reason}`),
    ...(aheadCount > 0
      ? [`the live app has not come to ${grouped(aheadCount)} of the records yet: what follows from them is additional`]
      : []),
  ];
  return [...lines, ...(notes.length > 0 ? ['', ...notes] : [])];
}

const keptText = ({ sandbox }: Redelivery): string =>
  `What it said is in topics ending in --sandbox-${sandbox}; \`waybill redeliver drop ${sandbox}\` deletes them.`;

type Output = Redelivery['outputs'][number];
const outputColumns: readonly Column<Output>[] = [
  { title: 'TOPIC', cell: ({ topic }) => topic, optional: true },
  { title: 'EVENT', cell: ({ type }) => type },
  { title: 'SAME', cell: ({ same }) => grouped(same), align: 'right' },
  { title: 'CHANGED', cell: ({ changed }) => grouped(changed), align: 'right' },
  { title: 'MISSING', cell: ({ missing }) => grouped(missing), align: 'right' },
  { title: 'ADDITIONAL', cell: ({ additional }) => grouped(additional), align: 'right' },
  { title: 'OF JOBS', cell: ({ work }) => grouped(work), align: 'right', style: () => 'dim' },
];

type Difference = Redelivery['differences'][number];
const differenceColumns: readonly Column<Difference>[] = [
  { title: 'DIFFERENCE', cell: ({ verdict }) => verdict },
  { title: 'EVENT', cell: ({ type }) => type },
  { title: 'SUBJECT', cell: ({ subject }) => subject, flexible: 'wrap' },
  { title: 'ID', cell: ({ id }) => shortId(id), optional: true },
  { title: 'THEN -> NOW', cell: ({ fields }) => fields.map(({ path, then, now }) => `${path}: ${then} -> ${now}`).join('; ') || '-' },
];

const parkedColumns: readonly Column<Redelivery['parked'][number]>[] = [
  { title: 'RECORD', cell: ({ place }) => place },
  { title: 'CODE', cell: ({ code }) => code },
  { title: 'REASON', cell: ({ reason }) => reason, flexible: 'wrap' },
];

type SandboxesOptions = { readonly output: OutputFormat; readonly brokers: readonly string[] };
const requireKafka = (brokers: readonly string[]): Promise<void> =>
  requireListening('Kafka', brokers, 'Start it with `npm start`, or say where it is with --brokers or KAFKA_BROKERS.');

function refuseName(sandbox: string): void {
  try {
    parseSandbox(sandbox);
  } catch (cause) {
    throw new CliError(exitCodes.usage, cause instanceof Error ? cause.message : String(cause), 'See `waybill redeliver list`.', { cause });
  }
}

/** Lists the sandboxes that are there. */
export async function showSandboxes({ output, brokers }: SandboxesOptions, console: Console, list = listSandboxes): Promise<ExitCode> {
  await requireKafka(brokers);
  const sandboxes = (await list(brokers)).map(({ groups, ...rest }) => ({
    ...rest,
    ...{ groups, apps: groups.map((group) => findSandbox(group)?.name ?? group) },
  }));
  if (output === 'json') console.out(JSON.stringify({ sandboxes }, null, 2));
  else if (sandboxes.length === 0) console.out('There are no sandboxes.');
  else
    console.out(
      table(
        sandboxes,
        [
          { title: 'SANDBOX', cell: ({ sandbox }) => sandbox },
          { title: 'APP', cell: ({ apps }) => apps.join(' ') || '-' },
          { title: 'TOPICS', cell: ({ topics }) => String(topics.length), align: 'right' },
        ],
        console,
      ),
    );
  return exitCodes.done;
}

/** Deletes a sandbox: its topics and groups. @throws CliError 1 where there is none of that name */
export async function removeSandbox(
  { output, brokers, sandbox }: SandboxesOptions & { readonly sandbox: string },
  console: Console,
  drop = dropSandbox,
): Promise<ExitCode> {
  refuseName(sandbox);
  await requireKafka(brokers);
  const dropped = await drop(brokers, sandbox);
  if (!dropped) throw new CliError(exitCodes.no, `there is no sandbox ${sandbox}`, 'See `waybill redeliver list`.');
  if (output === 'json') console.out(JSON.stringify(dropped, null, 2));
  else console.out(`${dropped.topics.length} topics and ${dropped.groups.length} groups of ${sandbox} are deleted`);
  return exitCodes.done;
}

/** `dedup-20261121-150405`: which app, and when. */
export const sandboxNameOf = (app: string, nowMs: number): string => `${app}-${dateTime(nowMs).replaceAll(/[-:]/g, '').replace(' ', '-')}`;
