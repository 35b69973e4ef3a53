import { textOf, type Unfinished } from '@waybill/policy-engine';
import type { Console, OutputFormat } from '../console.ts';
import { type ExitCode, exitCodes } from '../exit.ts';
import { printable } from '../output/text.ts';
import { checkPolicies, type CheckedPolicies, type PolicySource } from '../policy/findings.ts';
import { placedInFile } from '../policy/folder.ts';

export type PolicyLintOptions = PolicySource & {
  readonly output: OutputFormat;
  /** Warnings count as wrong too. */
  readonly strict: boolean;
};

/** Says what is wrong with the policies of a folder, by themselves and taken together, without publishing any. */
export async function lintPolicies(options: PolicyLintOptions, console: Console): Promise<ExitCode> {
  const { output, folder, strict } = options;
  const checked = await checkPolicies(options);
  const { files, remarks, unfinished } = checked;
  const errorsCount = remarks.filter(({ severity }) => severity === 'error').length;
  const isOk = errorsCount === 0 && !(strict && remarks.length + unfinished.length > 0);
  if (output === 'json') {
    const shown = remarks.map(({ witness, ...remark }) => ({ ...remark, witness, image: witness && textOf(witness) }));
    console.out(JSON.stringify({ folder, ok: isOk, policies: files.length, remarks: shown, unfinished }, null, 2));
  } else {
    printRemarks(folder, checked, console);
    const counts = `${counted(errorsCount, 'error')}, ${counted(remarks.length - errorsCount, 'warning')}`;
    console.out(`${counted(files.length, 'valid policy', 'valid policies')}: ${counts}`);
  }
  return isOk ? exitCodes.done : exitCodes.no;
}

/** One line per remark, where an editor finds it; and what could not be said. */
export function printRemarks(
  folder: string,
  { remarks, unfinished }: Pick<CheckedPolicies, 'remarks' | 'unfinished'>,
  console: Console,
): void {
  for (const remark of remarks) {
    const label = remark.severity === 'error' ? console.style('red', 'error  ') : console.style('yellow', 'warning');
    console.err(`${label} ${printable(placedInFile(folder, remark))} ${console.style('dim', remark.code)}`);
  }
  for (const each of unfinished) console.err(`${console.style('yellow', 'not done')} ${printable(unfinishedText(each))}`);
}

function unfinishedText({ check, count, examples }: Unfinished): string {
  if (check === 'registries') return 'no registries.yaml: neither the names of registries nor circles of copies were looked into';
  const some = examples.map((ids) => ids.join(' and ')).join('; ');
  return `${counted(count, 'question')} about ${check} not looked into, like that about ${some}`;
}

const counted = (count: number, one: string, many = `${one}s`): string => `${count} ${count === 1 ? one : many}`;
