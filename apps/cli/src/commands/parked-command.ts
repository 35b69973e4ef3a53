import { setTimeout as sleep } from 'node:timers/promises';
import type { ParkedCommand } from '@waybill/stream';
import type { Aside, ParkedLine, ParkedList } from '../answers.ts';
import type { ApiClient } from '../api-client.ts';
import type { Console, OutputFormat } from '../console.ts';
import { CliError, type ExitCode, exitCodes } from '../exit.ts';
import { printable } from '../output/text.ts';

export type CommandOptions = {
  readonly output: OutputFormat;
  readonly wish: 'retry' | 'drop';
  /** As the list says it; undefined with `all`. */
  readonly id: string | undefined;
  readonly all: boolean;
  readonly app: string | undefined;
  readonly code: string | undefined;
  readonly reason: string;
  readonly requestedBy: string;
  /** How long an outcome is waited for; 0 only asks. */
  readonly waitMs: number;
};

/** Puts commands into the log. */
export type Send = (commands: readonly ParkedCommand[]) => Promise<void>;

export type Outcome = Pick<Aside, 'app' | 'kind' | 'id'> & {
  /**
   * `settled`: no longer parked, nor does anything wait behind it; a job is due again. `running`: it is done, but what waited behind it,
   * of which a transaction takes so much only, is not. `stopped`: by one of those, which is parked now.
   */
  readonly outcome: 'settled' | 'running' | 'stopped' | 'parked-again' | 'unanswered';
  readonly code: string | null;
  readonly reason: string | null;
};

const pollIntervalMs = 250;
const pageSize = 200;
/** More at once are not one person's decision. */
const manyMax = 10_000;

/**
 * Asks for what is parked to be tried again or given up, and waits for what comes of it. The command is an event: who asked and why
 * stays in the log and in the audit.
 * @returns 0 when all of it is settled, 1 when some was parked again, or one behind it, 3 when it was not done in time
 */
export async function commandParked(options: CommandOptions, api: ApiClient, send: Send, console: Console): Promise<ExitCode> {
  const { wish, reason, requestedBy, waitMs, output } = options;
  const targets = options.all ? await findAll(options, api) : [await findOne(options, api)];
  const requestedAtMs = Date.now();
  await send(
    targets.map(({ app, kind, id, partition, correlationId }) => ({
      ...{ app, kind, id, partition, correlationId, wish, requestedBy, reason, requestedAtMs },
    })),
  );
  const outcomes = await awaitOutcomes(targets, waitMs, api);
  if (output === 'json') console.out(JSON.stringify({ wish, outcomes }, null, 2));
  else
    console.out(
      outcomes.length === 0 ? 'Nothing is parked that this is about.' : outcomes.map((each) => line(each, wish, console)).join('\n'),
    );
  if (waitMs === 0) return exitCodes.done;
  const running = outcomes.filter(({ outcome }) => outcome === 'running');
  if (running.length > 0) console.err(`Not done within ${waitMs / 1_000} s: what waited behind ${running.length} is still being run.`);
  const unanswered = outcomes.filter(({ outcome }) => outcome === 'unanswered');
  if (unanswered.length > 0) {
    const apps = [...new Set(unanswered.map(({ app }) => app))].join(', ');
    console.err(
      `No answer within ${waitMs / 1_000} s: does ${printable(apps)} run? The command stays in the log and is done when it does.`,
    );
    return exitCodes.unreachable;
  }
  if (running.length > 0) return exitCodes.unreachable;
  return outcomes.every(({ outcome }) => outcome === 'settled') ? exitCodes.done : exitCodes.no;
}

async function findOne({ id = '', app, wish }: CommandOptions, api: ApiClient): Promise<Aside> {
  const { parked } = await api.get<Pick<ParkedList, 'parked'>>('/v1/parked/find', { id });
  const [target, ...others] = parked.filter((each) => each.app === (app ?? each.app));
  if (target === undefined)
    throw new CliError(
      exitCodes.no,
      `${JSON.stringify(id)} is not parked${app === undefined ? '' : ` by ${app}`}`,
      'See `waybill parked list`.',
    );
  if (others.length > 0)
    throw new CliError(
      exitCodes.usage,
      `it is parked by ${parked.map((each) => each.app).join(' and ')}`,
      'Say which is meant with --app.',
    );
  if (wish === 'retry' && !target.canRetry)
    throw new CliError(
      exitCodes.no,
      `what ${target.app} could not read is in no app's hands, and cannot be run again`,
      'Have it read again with `waybill deliveries replay`, or let the sender repeat it; then `waybill parked drop` it.',
    );
  return target;
}

async function findAll({ app, code, wish }: CommandOptions, api: ApiClient): Promise<readonly Aside[]> {
  if (app === undefined && code === undefined)
    throw new CliError(exitCodes.usage, '--all means all of an app or of a code', 'Say which with --app or --code.');
  const found = await readList({ app, code }, api);
  return wish === 'retry' ? found.filter(({ canRetry }) => canRetry) : found;
}

async function readList(filter: Pick<CommandOptions, 'app' | 'code'>, api: ApiClient): Promise<readonly Aside[]> {
  const found: Aside[] = [];
  for (let cursor: string | undefined; ;) {
    const page: ParkedList = await api.get<ParkedList>('/v1/parked', { ...filter, limit: pageSize, cursor });
    found.push(...page.parked);
    if (page.nextCursor === null || found.length >= manyMax) return found.slice(0, manyMax);
    cursor = page.nextCursor;
  }
}

async function awaitOutcomes(targets: readonly Aside[], waitMs: number, api: ApiClient): Promise<readonly Outcome[]> {
  const deadlineMs = performance.now() + waitMs;
  const ended = new Map<Aside, Outcome>();
  for (;;) {
    const isLate = performance.now() >= deadlineMs;
    const outcomes = waitMs === 0 ? targets.map((target) => outcomeOf(target, target)) : await readOutcomes(targets, ended, api);
    if (isLate || outcomes.every(isEnd)) return outcomes;
    await sleep(Math.min(pollIntervalMs, Math.max(0, deadlineMs - performance.now())));
  }
}

const isEnd = ({ outcome }: Outcome): boolean => outcome !== 'unanswered' && outcome !== 'running';

/** @param ended What needs not be asked for again; what has come to an end is added */
async function readOutcomes(targets: readonly Aside[], ended: Map<Aside, Outcome>, api: ApiClient): Promise<readonly Outcome[]> {
  const [only] = targets;
  if (only === undefined) return [];
  const now =
    targets.length === 1
      ? (await api.get<Pick<ParkedList, 'parked'>>('/v1/parked/find', { id: only.id })).parked
      : await readList({ app: undefined, code: undefined }, api);
  const byName = new Map(now.map((each) => [nameOf(each), each]));
  const outcomes: Outcome[] = [];
  for (const target of targets) {
    const outcome = ended.get(target) ?? (await withLine(outcomeOf(target, byName.get(nameOf(target))), target, api));
    if (isEnd(outcome)) ended.set(target, outcome);
    outcomes.push(outcome);
  }
  return outcomes;
}

/** A record is done with only when what waited behind it has been run too. */
async function withLine(outcome: Outcome, { line: name, behind }: Aside, api: ApiClient): Promise<Outcome> {
  if (outcome.outcome !== 'settled' || name === null || behind === 0) return outcome;
  const { waiting, stoppedBy } = await api.get<ParkedLine>('/v1/parked/line', { line: name });
  if (stoppedBy !== null) return { ...outcome, outcome: 'stopped', code: stoppedBy.code, reason: `${stoppedBy.id}: ${stoppedBy.reason}` };
  return waiting === 0 ? outcome : { ...outcome, outcome: 'running' };
}

const nameOf = ({ app, kind, id }: Aside): string => `${app} ${kind} ${id}`;

/** What became of it, by what the read model says of it before and now. */
function outcomeOf(before: Aside, now: Aside | undefined): Outcome {
  const { app, kind, id } = before;
  if (now === undefined) return { app, kind, id, outcome: 'settled', code: null, reason: null };
  const isSame = now.attempts === before.attempts && now.parkedAtMs === before.parkedAtMs;
  return { app, kind, id, outcome: isSame ? 'unanswered' : 'parked-again', code: now.code, reason: now.reason };
}

function line({ app, kind, id, outcome, code, reason }: Outcome, wish: CommandOptions['wish'], { style }: Console): string {
  const what = printable(`${app} ${id}`);
  if (outcome === 'unanswered') return style('yellow', `… ${what}: ${wish} is asked for`);
  if (outcome === 'parked-again') return style('red', `✖ ${what}: parked again because ${printable(`${reason} (${code})`)}`);
  if (outcome === 'running') return style('yellow', `… ${what}: done, what waited behind it is being run`);
  if (outcome === 'stopped') return style('red', `✖ ${what}: done, but one behind it is parked now: ${printable(`${reason} (${code})`)}`);
  const words = wish === 'drop' ? 'dropped' : kind === 'job' ? 'is due again' : 'done';
  return style('green', `✔ ${what}: ${words}`);
}
