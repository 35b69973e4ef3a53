import { targetKey, targetText, type EventOf, type ImageDecided } from '@waybill/domain';
import { compileRulebook, evidenceBehind, explain, type EventsBehind, type Explanation, type Rulebook } from '@waybill/policy-engine';
import type { Codec, EventLog } from '@waybill/stream';
import type { Console, OutputFormat } from '../console.ts';
import { CliError, type ExitCode, exitCodes } from '../exit.ts';
import { dateTime, printable, shortDigests, shortId } from '../output/text.ts';
import { documentsInForce, findStateAt } from '../policy/history.ts';
import { readPolicyLog } from '../policy/policy-log.ts';
import { findAsked, findDecision, findEventsBehind, type RecordedDecision } from '../policy/recorded-decision.ts';
import type { Vault } from '../policy/vault.ts';

export type PolicyExplainOptions = {
  readonly output: OutputFormat;
  /** As `findAsked` takes it. */
  readonly decision: string;
  /** Of the policies that keep silent too, at most so many in all. */
  readonly policiesMax: number;
  readonly vault: Vault;
};

/** What came of making a decision again. */
type Remade = {
  readonly explanation: Explanation;
  readonly documentsCount: number;
  /** What is not as it is recorded; empty where all is. */
  readonly differences: readonly string[];
};

/**
 * Makes a recorded decision again from the log alone, and says of each policy why it spoke or kept silent.
 * @returns 1 where something else comes of it than is recorded
 * @throws CliError 1 where there is no such decision, or the log no longer holds what it was made from; 2 for what names none
 */
export async function explainDecision(
  { output, decision, policiesMax, vault }: PolicyExplainOptions,
  log: EventLog,
  codec: Codec,
  console: Console,
): Promise<ExitCode> {
  const asked = findAsked(decision);
  if (asked === undefined) throw new CliError(exitCodes.usage, `${printable(decision)} names no decision`, howToName);
  const recorded = await findDecision(log, codec, asked);
  if (recorded === undefined) throw new CliError(exitCodes.no, `the log holds no decision ${printable(decision)}`, howToName);
  const { data } = recorded.event;
  const then = findStateAt(await readPolicyLog(log, codec), data.policySetVersion, vault);
  if (then === undefined) {
    const what = `the policies never were of the version ${data.policySetVersion.slice(0, 12)} by which it was decided`;
    throw new CliError(exitCodes.no, what, 'Where some of them are confidential, name the file of their keys with --key-file.');
  }
  const rulebook = compileRulebook(documentsInForce(then, vault));
  const behind = await findEventsBehind(log, codec, data);
  const remade = remake(data, rulebook, behind, policiesMax);
  if (output === 'json') console.out(JSON.stringify(jsonOf(recorded, remade), null, 2));
  else printExplanation(recorded, remade, behind, console);
  return remade.differences.length === 0 ? exitCodes.done : exitCodes.no;
}

const howToName = 'Name an image as registry/repository:tag, an event of `waybill trace <image> --wide`, or its record, as decisions/3/41.';

function remake(data: ImageDecided, rulebook: Rulebook, behind: EventsBehind, policiesMax: number): Remade {
  const evidence = evidenceBehind(data, behind);
  const explanation = explain(rulebook.replication, evidence, data.evaluatedAtMs, policiesMax);
  const lost = lostEvents(data, behind);
  const { decision, inputsSha256 } = explanation;
  const compared: readonly (readonly [string, string, string])[] = [
    ['outcome', data.outcome, decision.outcome],
    ['code', data.code, decision.code],
    ['policy', data.policyId ?? 'none', decision.policyId ?? 'none'],
    // What a deny lists are the targets that it takes back: they follow from the decision before.
    ['targets', data.outcome === 'allow' ? texts(data.targets) : '', texts(decision.targets)],
    ['inputs', data.inputsSha256, inputsSha256],
  ];
  // Events of earlier versions name neither their code nor their inputs.
  const changed = compared
    .filter(([what, was, is]) => was !== is && !(was === '' && (what === 'code' || what === 'inputs')))
    .map(([what, was, is]) => `${what}: recorded ${was}, now ${is}`);
  return { explanation, documentsCount: rulebook.documents.length, differences: [...lost, ...changed] };
}

const texts = (targets: ImageDecided['targets']): string => targets.map(targetText).join(' ');

function lostEvents({ inspectionEventId, scans }: ImageDecided, { inspection, reports }: EventsBehind): readonly string[] {
  const lostScans = scans.filter(({ scanEventId }) => !reports.some((report) => report.scanEventId === scanEventId));
  return [
    ...(inspectionEventId !== null && inspection === undefined ? [`the log no longer holds the inspection ${inspectionEventId}`] : []),
    ...lostScans.map(({ scanEventId }) => `the log no longer holds the report of the scan ${scanEventId}`),
  ];
}

const jsonOf = ({ event, partition, offset }: RecordedDecision, { explanation, differences }: Remade) => ({
  ...{ eventId: event.meta.id, record: `decisions/${partition}/${offset}`, recorded: event.data },
  ...{ remade: explanation, isSame: differences.length === 0, differences },
});

function printExplanation(recorded: RecordedDecision, remade: Remade, behind: EventsBehind, console: Console): void {
  const { style } = console;
  const { data } = recorded.event;
  const { explanation, documentsCount, differences } = remade;
  for (const line of headLines(recorded.event, recorded, console)) console.out(line);
  for (const policy of explanation.policies) {
    console.out('');
    console.out(`${style('bold', printable(policy.policyId))}  priority ${policy.priority}  ${policy.outcome}: ${told(policy.reason)}`);
    for (const { path, holds, reason } of [...policy.clauses, ...policy.requirements])
      console.out(`  ${marks[holds]} ${printable(path)}: ${told(reason)}`);
  }
  if (explanation.leftOutCount > 0)
    console.out(style('dim', `\nand ${explanation.leftOutCount} more that keep silent; --policies shows more`));
  if (explanation.targets.length > 0) console.out('\nregistries that the policy could mean:');
  for (const { registry, outcome, reason } of explanation.targets)
    console.out(`  ${outcome === 'chosen' ? '✔' : '✖'} ${printable(registry)}: ${told(reason)}`);
  console.out('');
  for (const difference of differences) console.out(`${style('red', '✖')} ${printable(difference)}`);
  const events = (behind.inspection === undefined ? 0 : 1) + behind.reports.length;
  const from = `from ${events} events and ${documentsCount} documents in the log`;
  if (differences.length > 0) console.out(style('red', `made again ${from}, it is not as it is recorded`));
  else console.out(style('green', `made again ${from}: the same, from the same inputs (${data.inputsSha256.slice(0, 12)})`));
}

const marks = { yes: '✔', no: '✖', unknown: '…', error: '!' } as const;
const told = (text: string): string => printable(shortDigests(text));

function headLines(
  { meta, data }: EventOf<'ImageDecided'>,
  { partition, offset }: RecordedDecision,
  { style }: Console,
): readonly string[] {
  const { outcome, code, policyId, reason, targets, takenBack } = data;
  const color = outcome === 'allow' ? 'green' : outcome === 'deny' ? 'red' : 'yellow';
  const when = `${dateTime(data.evaluatedAtMs)} UTC, on ${data.occasion}, by policies ${data.policySetVersion.slice(0, 12)}`;
  return [
    `${style('bold', printable(targetKey(data)))}  ${style('dim', printable(shortDigests(data.digest)))}`,
    style('dim', `decided ${when}, event ${shortId(meta.id)}, record decisions/${partition}/${offset}`),
    `${style(color, outcome)} ${code} by ${printable(policyId ?? 'no policy')}: ${told(reason)}`,
    ...(outcome === 'allow' ? targets.map((target) => `  to ${printable(targetText(target))}`) : []),
    ...takenBack.map((target) => `  no longer to ${printable(targetText(target))}`),
  ];
}
