import { randomUUID } from 'node:crypto';
import { tagKey, targetText, type DecisionDiffered, type Verdict } from '@waybill/domain';
import { candidateChangesMax } from '@waybill/policy-engine';
import type { Codec, EventLog } from '@waybill/stream';
import type { Console, OutputFormat } from '../console.ts';
import { CliError, type ExitCode, exitCodes } from '../exit.ts';
import { type Column, table } from '../output/table.ts';
import { counted, dateTime, grouped, printable } from '../output/text.ts';
import { kindOf, readDifferences, type Differences } from '../policy/differences.ts';
import type { PolicySource } from '../policy/findings.ts';
import { isOfPolicies, policyLogOf, readPublished } from '../policy/policy-log.ts';
import { publishAlone } from '../policy/publish.ts';
import { changesNow, findShadow, startEvents, withdrawals, type ChangeNow, type RunningShadow } from '../policy/shadow.ts';
import type { Vault } from '../policy/vault.ts';
import { printRemarks } from './policy-lint.ts';
import { prepareFolder, printPlan, refuseErrors } from './policy-plan.ts';

type Who = { readonly output: OutputFormat; readonly author: string; readonly reason: string };
export type ShadowStartOptions = PolicySource &
  Who & {
    /** What to call it. */
    readonly candidate: string;
    readonly retireMissing: boolean;
    readonly vault: Vault;
  };

/**
 * Publishes what applying a folder would change, as a candidate: never in force, compared with what is. In place of one of this name.
 * @throws CliError 1 for errors in the policies, where nothing would change, and while another candidate runs
 */
export async function startShadow(options: ShadowStartOptions, log: EventLog, codec: Codec, console: Console): Promise<ExitCode> {
  const { folder, output, candidate, author, reason, vault } = options;
  const published = await readPublished(log, codec);
  const prepared = await prepareFolder(options, policyLogOf(published.filter(isOfPolicies)));
  const { plan } = prepared;
  refuseErrors(folder, prepared);
  refuseSize(plan.changes.length);
  if (output === 'table') {
    printRemarks(folder, prepared, console);
    printPlan(plan, vault, console);
  }
  const shadowId = randomUUID();
  const occasion = { author, reason, atMs: Date.now() };
  await publishAlone(log, codec, (now) => {
    const running = findShadow(now);
    if (running !== undefined && running.candidate !== candidate) throw otherRuns(running);
    return startEvents(now, plan, { candidate, shadowId }, occasion);
  });
  if (output === 'json') console.out(JSON.stringify({ ok: true, candidate, shadowId, changesCount: plan.changes.length }, null, 2));
  else
    console.out(
      `${printable(candidate)} runs beside the policies in force; \`waybill policy shadow report\` says where it decides otherwise`,
    );
  return exitCodes.done;
}

function refuseSize(changesCount: number): void {
  if (changesCount === 0)
    throw new CliError(
      exitCodes.no,
      'there is nothing to compare: all of it is in force',
      'Change a policy of the folder, or name another.',
    );
  if (changesCount > candidateChangesMax)
    throw new CliError(
      exitCodes.no,
      `${grouped(changesCount)} policies would change, and a candidate takes ${grouped(candidateChangesMax)}`,
      'Compare them in parts, or all at once with `waybill policy plan`, which decides the images that are known now.',
    );
}

const otherRuns = ({ candidate, author, startedAtMs }: RunningShadow): CliError =>
  new CliError(
    exitCodes.no,
    `another candidate runs: ${printable(candidate)}, of ${printable(author)}, since ${dateTime(startedAtMs)}`,
    'End it with `waybill policy shadow stop`, or give yours its name with --candidate to put it in its place.',
  );

/** @throws CliError 1 where no candidate runs */
export async function stopShadow({ output, author, reason }: Who, log: EventLog, codec: Codec, console: Console): Promise<ExitCode> {
  const running = needShadow(findShadow(await readPublished(log, codec)));
  const differences = await readDifferences(log, codec, running, { sinceMs: 0, examplesMax: 0 });
  const occasion = { author, reason, atMs: Date.now() };
  await publishAlone(log, codec, (now) => withdrawals(now, occasion));
  const { candidate, shadowId } = running;
  if (output === 'json') console.out(JSON.stringify({ ok: true, candidate, shadowId, ...sumOf(differences) }, null, 2));
  else console.out(`${printable(candidate)} is stopped; ${sumText(differences)}`);
  return exitCodes.done;
}

export type ShadowShowOptions = { readonly output: OutputFormat; readonly vault: Vault };

/** Says which candidate runs, what it would change by now, and how far it was compared. @throws CliError 1 where none runs */
export async function showShadow({ output, vault }: ShadowShowOptions, log: EventLog, codec: Codec, console: Console): Promise<ExitCode> {
  const published = await readPublished(log, codec);
  const running = needShadow(findShadow(published));
  const changes = changesNow(published, running, vault);
  const differences = await readDifferences(log, codec, running, { sinceMs: 0, examplesMax: 0 });
  if (output === 'json') {
    console.out(JSON.stringify({ ...headOf(running), changes, ...progressOf(differences), ...sumOf(differences) }, null, 2));
    return exitCodes.done;
  }
  printHead(running, console);
  for (const { kind, policyId } of changes.slice(0, changesShownMax)) console.out(printable(`  ${changeTexts[kind]} ${policyId}`));
  if (changes.length > changesShownMax) console.out(`  and ${grouped(changes.length - changesShownMax)} more; -o json has all of them`);
  printProgress(differences, console);
  console.out(sumText(differences));
  return exitCodes.done;
}

const changesShownMax = 50;
const changeTexts: Readonly<Record<ChangeNow['kind'], string>> = {
  adds: 'adds',
  changes: 'changes',
  retires: 'retires',
  none: 'nothing any more, it is in force so:',
};

export type ShadowReportOptions = {
  readonly output: OutputFormat;
  /** Only what was told since; Unix ms. */
  readonly sinceMs: number | undefined;
  /** Differences to list, at most. */
  readonly limit: number;
  readonly vault: Vault;
};

/** Says where the candidate decides otherwise now. @throws CliError 1 where none runs */
export async function reportShadow(options: ShadowReportOptions, log: EventLog, codec: Codec, console: Console): Promise<ExitCode> {
  const { output, sinceMs, limit, vault } = options;
  const published = await readPublished(log, codec);
  const running = needShadow(findShadow(published));
  const inForceIds = changesNow(published, running, vault).flatMap(({ kind, policyId }) => (kind === 'none' ? [policyId] : []));
  const differences = await readDifferences(log, codec, running, { sinceMs: sinceMs ?? 0, examplesMax: limit });
  const { examples, changedCount } = differences;
  if (output === 'json') {
    const shifts = examples.map((difference) => ({ ...jsonOf(difference), eventAtMs: difference.evaluatedAtMs }));
    const about = { ...headOf(running), inForceIds, ...progressOf(differences) };
    console.out(JSON.stringify({ ...about, ...sumOf(differences), examples: shifts }, null, 2));
    return exitCodes.done;
  }
  printHead(running, console);
  if (inForceIds.length > 0)
    console.out(`${grouped(inForceIds.length)} of its ${counted(running.changes.length, 'change')} in force by now`);
  printProgress(differences, console);
  console.out(sumText(differences));
  if (examples.length > 0) console.out(table(examples, columns, console));
  if (changedCount > examples.length && limit > 0) console.out(`and ${grouped(changedCount - examples.length)} more; --limit shows more`);
  return exitCodes.done;
}

const columns: readonly Column<DecisionDiffered>[] = [
  { title: 'IMAGE', cell: (difference) => tagKey(difference, difference.tag) },
  { title: 'CHANGE', cell: kindOf },
  { title: 'TOLD (UTC)', cell: ({ evaluatedAtMs }) => dateTime(evaluatedAtMs), style: () => 'dim', optional: true },
  { title: 'BY', cell: (difference) => deciding(difference).policyId ?? 'no policy' },
  { title: 'WHY', cell: (difference) => whyOf(deciding(difference)), flexible: 'wrap' },
];

/** What of the candidate makes the difference: where it goes, or whether it may run. */
const deciding = ({
  active,
  shadow,
}: DecisionDiffered): Pick<Verdict, 'policyId' | 'reason'> & { readonly targets?: Verdict['targets'] } =>
  kindOf({ active, shadow }).startsWith('may run') && shadow.admission !== null ? shadow.admission : shadow;

const whyOf = ({ reason, targets = [] }: ReturnType<typeof deciding>): string =>
  targets.length === 0 ? reason : `${reason}: to ${targets.map(targetText).join(', ')}`;

const jsonOf = ({ digest, active, shadow, ...image }: DecisionDiffered) => ({
  ...{ image: tagKey(image, image.tag), digest, kind: kindOf({ active, shadow }), before: verdictOf(active), after: verdictOf(shadow) },
});

const verdictOf = ({ targets, ...verdict }: Verdict) => ({ ...verdict, targets: targets.map(targetText) });

function needShadow(running: RunningShadow | undefined): RunningShadow {
  if (running !== undefined) return running;
  throw new CliError(exitCodes.no, 'no candidate runs', 'Start one with `waybill policy shadow start <folder> --reason <why>`.');
}

const headOf = ({ candidate, shadowId, author, reason, startedAtMs }: RunningShadow) => {
  return { candidate, shadowId, author, reason, startedAtMs };
};

function printHead({ candidate, author, reason, startedAtMs }: RunningShadow, { out, style }: Console): void {
  out(`${style('bold', printable(candidate))} since ${dateTime(startedAtMs)}, by ${printable(author)}: ${printable(reason)}`);
}

const progressOf = ({ partitions, comparedPartitions, faults }: Differences) => ({ partitions, comparedPartitions, faults });
const sumOf = ({ changedCount, counts }: Differences) => ({ changedCount, counts });

function printProgress({ partitions, comparedPartitions, faults }: Differences, console: Console): void {
  for (const fault of faults) console.err(`nothing is decided by it: ${printable(fault)}`);
  if (comparedPartitions < partitions)
    console.out(`what was decided before its start is being compared: ${comparedPartitions} of ${partitions} partitions are`);
}

const sumText = ({ changedCount, counts }: Differences): string => {
  const how = counts.map(({ kind, count }) => `${grouped(count)} ${kind}`).join(', ');
  return changedCount === 0 ? 'no tag is decided otherwise' : `${counted(changedCount, 'tag')} decided otherwise: ${how}`;
};
