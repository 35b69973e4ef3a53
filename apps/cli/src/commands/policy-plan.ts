import type { Codec, EventLog } from '@waybill/stream';
import type { Console, OutputFormat } from '../console.ts';
import { CliError, type ExitCode, exitCodes } from '../exit.ts';
import { lineDiff } from '../output/line-diff.ts';
import { counted, grouped, printable } from '../output/text.ts';
import { backtest, type Backtest, type Comparison } from '../policy/backtest.ts';
import { findRegistries, type PolicySource } from '../policy/findings.ts';
import { placedInFile, readPolicyFolder } from '../policy/folder.ts';
import { evidenceFor, readKnownFacts } from '../policy/known-facts.ts';
import { readKnownImages } from '../policy/known-images.ts';
import { planOf, type Change, type Plan } from '../policy/plan.ts';
import { readPolicyLog, type PolicyLog } from '../policy/policy-log.ts';
import { prepare, type Prepared } from '../policy/prepare.ts';
import { progressOf } from '../policy/stored-image-text.ts';
import type { Vault } from '../policy/vault.ts';
import { printRemarks } from './policy-lint.ts';

export type PolicyPlanOptions = PolicySource & {
  readonly output: OutputFormat;
  /** Retire what is in force and not in the folder. */
  readonly retireMissing: boolean;
  readonly vault: Vault;
  /** Images to decide anew, at most; 0 for none. */
  readonly images: number;
};

/**
 * Says what `policy apply` would change, and what that would do to the images that are known now. Changes nothing.
 * @returns 1 where it would be refused
 */
export async function planPolicies(options: PolicyPlanOptions, log: EventLog, codec: Codec, console: Console): Promise<ExitCode> {
  const { output, folder, retireMissing, images, vault } = options;
  const prepared = await prepareFolder(options, await readPolicyLog(log, codec));
  const { plan, before, after, remarks, unfinished } = prepared;
  const shift = images === 0 || plan.changes.length === 0 ? undefined : await findShift({ before, after, images }, log, codec, console);
  const errors = errorsOf(prepared);
  if (output === 'json')
    console.out(JSON.stringify({ folder, ok: errors.length === 0, ...plan, remarks, unfinished, images: shift ?? null }, null, 2));
  else {
    printRemarks(folder, prepared, console);
    printPlan(plan, vault, console);
    if (shift !== undefined) printBacktest(shift, console);
    if (errors.length > 0) console.err(`${counted(errors.length, 'error')}: this plan will not be carried out`);
    else if (plan.changes.length > 0)
      console.out(
        `To carry it out: waybill policy apply ${folder}${retireMissing ? ' --retire-missing' : ''} --base ${plan.base} --reason <why>`,
      );
  }
  return errors.length === 0 ? exitCodes.done : exitCodes.no;
}

type Shifting = Pick<Prepared, 'before' | 'after'> & { readonly images: number };

async function findShift({ before, after, images }: Shifting, log: EventLog, codec: Codec, console: Console) {
  const onRead = progressOf(console);
  const known = await readKnownImages(log, codec, images, onRead);
  const facts = await readKnownFacts(log, codec, onRead);
  console.progress('');
  const atMs = Date.now();
  const evidence = known.images.map(evidenceFor([after, before], facts, atMs));
  return { ...backtest(before, after, evidence, atMs), leftOutCount: known.leftOutCount };
}

/** What a folder would change. @throws CliError 2 where folder or registries cannot be read */
export async function prepareFolder(
  source: PolicySource & Pick<PolicyPlanOptions, 'retireMissing' | 'vault'>,
  policyLog: PolicyLog,
): Promise<Prepared> {
  const [read, registries] = await Promise.all([readPolicyFolder(source.folder), findRegistries(source)]);
  const { vault, retireMissing } = source;
  const texts = read.files.map((file) => vault.publishable(file, policyLog.inForce.get(file.text.policyId)?.data));
  return prepare(policyLog, planOf(policyLog, texts, { retiresMissing: retireMissing }), { ...read, registries, vault });
}

const errorsOf = ({ remarks }: Pick<Prepared, 'remarks'>) => remarks.filter(({ severity }) => severity === 'error');

/** With an error in one policy, or between them, nothing is published. @throws CliError 1 with every error of every file */
export function refuseErrors(folder: string, prepared: Pick<Prepared, 'remarks'>): void {
  const lines = errorsOf(prepared).map((error) => `  ${placedInFile(folder, error)}`);
  if (lines.length === 0) return;
  const next = `Correct them; \`waybill policy lint ${folder}\` says whether they are right.`;
  throw new CliError(exitCodes.no, `policies are not valid, none was published:\n${lines.join('\n')}`, next);
}

const changesShownMax = 50;
const linesShownMax = 60;

/** What would be published, with what changes in it. */
export function printPlan({ changes, unchangedIds, keptIds }: Plan, vault: Vault, console: Console): void {
  for (const change of changes.slice(0, changesShownMax)) {
    console.out(`${console.style(styles[change.kind], change.kind)} ${change.policyId}`);
    if (change.kind === 'changed') for (const line of changeLines(change, vault, console)) console.out(`  ${line}`);
  }
  if (changes.length > changesShownMax) console.out(`and ${grouped(changes.length - changesShownMax)} more; -o json has all of them`);
  if (keptIds.length > 0) {
    const some = keptIds.slice(0, 5).join(', ') + (keptIds.length > 5 ? ` and ${grouped(keptIds.length - 5)} more` : '');
    console.out(`${console.style('yellow', 'kept')} ${printable(some)}: in force and not in the folder; --retire-missing retires them`);
  }
  console.out(`${summary(changes)}, ${grouped(unchangedIds.length)} unchanged`);
}

const styles = { added: 'green', changed: 'yellow', retired: 'red' } as const;

export function changeLines({ before, after }: Pick<Change, 'before' | 'after'>, vault: Vault, { style }: Console): readonly string[] {
  const [was, is] = [before, after].map((text) => (text === null ? '' : vault.open(text)));
  if (was === undefined || is === undefined) return [style('dim', 'confidential: it does not open here')];
  const lines = lineDiff(was, is).map((line) => {
    if (line === undefined) return style('dim', '…');
    const text = printable(`${line.mark} ${line.text}`);
    return line.mark === ' ' ? style('dim', text) : style(line.mark === '+' ? 'green' : 'red', text);
  });
  const more = lines.length - linesShownMax;
  return more > 0 ? [...lines.slice(0, linesShownMax), style('dim', `and ${more} lines more`)] : lines;
}

/** `1 added, 2 changed, 0 retired` */
export const summary = (changes: readonly Pick<Change, 'kind'>[]): string =>
  (['added', 'changed', 'retired'] as const)
    .map((kind) => `${grouped(changes.filter((change) => change.kind === kind).length)} ${kind}`)
    .join(', ');

function printBacktest(
  { imagesCount, admission, leftOutCount, ...copies }: Backtest & { readonly leftOutCount: number },
  console: Console,
) {
  const older = leftOutCount > 0 ? `; ${grouped(leftOutCount)} older ones were not looked at, --images takes more` : '';
  console.out(`${counted(imagesCount, 'image')} known now, ${sumOf(copies)}${older}`);
  printShifts(copies, console);
  if (admission === null) return;
  console.out(`may run: ${sumOf(admission)}`);
  printShifts(admission, console);
}

function sumOf({ changedCount, counts }: Comparison): string {
  const how = counts.map(({ from, to, count }) => `${grouped(count)} ${from === to ? 'to other targets' : `${from} -> ${to}`}`);
  return changedCount === 0
    ? 'none of them would be decided otherwise'
    : `${grouped(changedCount)} would be decided otherwise: ${how.join(', ')}`;
}

function printShifts({ changedCount, examples }: Comparison, console: Console): void {
  for (const { image, before, after } of examples) {
    const { outcome, policyId, reason, targets } = after;
    const where = targets.length === 0 ? '' : ` to ${targets.join(', ')}`;
    const why = `by ${policyId ?? 'no policy'}: ${reason}`;
    console.out(printable(`  ${image}  ${before.outcome} -> ${outcome}${where}, ${why}`));
  }
  if (changedCount > examples.length) console.out(`  and ${grouped(changedCount - examples.length)} more`);
}
