import type { Policies, Policy } from '../answers.ts';
import type { ApiClient } from '../api-client.ts';
import type { Console, OutputFormat } from '../console.ts';
import { type ExitCode, exitCodes } from '../exit.ts';
import { type Column, table } from '../output/table.ts';
import { dateTime } from '../output/text.ts';

export type PolicyListOptions = { readonly output: OutputFormat; readonly retired: boolean };

/** Lists the policies in force. */
export async function listPolicies({ output, retired }: PolicyListOptions, api: ApiClient, console: Console): Promise<ExitCode> {
  const answer = await api.get<Policies>('/v1/policies', { retired });
  if (output === 'json') console.out(JSON.stringify(answer, null, 2));
  else if (answer.policies.length === 0)
    console.out('No policy is in force: nothing is copied. Publish some with `waybill policy apply <folder> --reason <why>`.');
  else console.out(table(answer.policies, columns, console));
  return exitCodes.done;
}

const columns: readonly Column<Policy>[] = [
  { title: 'POLICY', cell: ({ policyId }) => policyId },
  { title: 'SINCE (UTC)', cell: ({ changedAtMs }) => dateTime(changedAtMs), style: () => 'dim' },
  {
    title: 'STATE',
    cell: ({ retiredAtMs, isConfidential }) => `${retiredAtMs === null ? 'in force' : 'retired'}${isConfidential ? ', confidential' : ''}`,
  },
  { title: 'AUTHOR', cell: ({ author }) => author },
  { title: 'SHA-256', cell: ({ documentSha256 }) => documentSha256?.slice(0, 12) ?? '-', style: () => 'dim' },
  { title: 'WHY', cell: ({ reason }) => reason || '-', flexible: 'wrap' },
];
