import type { Console, OutputFormat } from '../console.ts';
import { CliError, type ExitCode, exitCodes } from '../exit.ts';
import { counted, printable } from '../output/text.ts';
import { readCases } from '../policy/case-file.ts';
import { placedInFile, readPolicyFolder, type FileFault } from '../policy/folder.ts';
import { runCases, type CaseResult, type CasesReport } from '../policy/run-cases.ts';

export type PolicyTestOptions = {
  readonly output: OutputFormat;
  readonly folder: string;
  /** A policy that no case decides counts as wrong too. */
  readonly strict: boolean;
};

/**
 * Runs the cases that lie beside the policies of a folder.
 * @returns 1 where a case is not as expected, or there is none
 * @throws CliError 1 with every fault of policies and cases, before any is run
 */
export async function testPolicies({ output, folder, strict }: PolicyTestOptions, console: Console): Promise<ExitCode> {
  const { files, faults } = await readPolicyFolder(folder);
  const { cases, faults: caseFaults } = await readCases(folder);
  refuse(folder, [...faults, ...caseFaults]);
  if (cases.length === 0)
    throw new CliError(
      exitCodes.no,
      `${folder} holds no cases`,
      'Write some into a *.test.yaml beside the policies; docs/policies.md shows how.',
    );
  const report = runCases(
    files.map(({ document }) => document),
    cases,
  );
  const failed = report.results.filter(({ differences }) => differences.length > 0);
  const isOk = failed.length === 0 && !(strict && report.undecidedIds.length > 0);
  if (output === 'json') console.out(JSON.stringify(jsonOf(folder, isOk, report), null, 2));
  else {
    for (const result of failed) console.err(failureText(folder, result, console));
    if (report.undecidedIds.length > 0)
      console.err(`${console.style('yellow', 'no case')} for ${printable(report.undecidedIds.join(', '))}: nothing shows what they decide`);
    console.out(`${counted(cases.length, 'case')}: ${cases.length - failed.length} as expected, ${failed.length} not`);
  }
  return isOk ? exitCodes.done : exitCodes.no;
}

function refuse(folder: string, faults: readonly FileFault[]): void {
  if (faults.length === 0) return;
  const lines = faults.map((fault) => `  ${placedInFile(folder, fault)}`);
  throw new CliError(
    exitCodes.no,
    `no case was run:\n${lines.join('\n')}`,
    `Correct them; \`waybill policy lint ${folder}\` checks policies.`,
  );
}

function failureText(folder: string, { case: each, decision, differences, policies }: CaseResult, { style }: Console): string {
  const place = placedInFile(folder, { ...each, message: each.name });
  const said = differences.map(({ field, expected, actual }) => `  ${field}: expected ${expected || 'none'}, is ${actual || 'none'}`);
  const why = policies.map(({ policyId, outcome, reason }) => style('dim', printable(`  ${policyId}: ${outcome}, ${reason}`)));
  return [`${style('red', 'failed')} ${printable(place)}`, ...said.map(printable), printable(`  because ${decision.reason}`), ...why].join(
    '\n',
  );
}

const jsonOf = (folder: string, ok: boolean, { results, undecidedIds }: CasesReport) => ({
  folder,
  ok,
  cases: results.map(({ case: { file, line, column, name }, decision, differences, policies }) => ({
    ...{ file, line, column, name, ok: differences.length === 0, decision, differences, policies },
  })),
  undecidedIds,
});
