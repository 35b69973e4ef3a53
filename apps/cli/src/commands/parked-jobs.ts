import type { WaitingJob, WaitingJobs } from '../answers.ts';
import type { ApiClient } from '../api-client.ts';
import type { Console, OutputFormat } from '../console.ts';
import { type ExitCode, exitCodes } from '../exit.ts';
import { type Column, table } from '../output/table.ts';
import { dateTime, grouped } from '../output/text.ts';

export type JobsOptions = {
  readonly output: OutputFormat;
  readonly app: string | undefined;
  readonly limit: number;
  readonly cursor: string | undefined;
};

/** Lists jobs and timers that are not parked, by app, what is due first coming first. */
export async function listJobs({ output, ...query }: JobsOptions, api: ApiClient, console: Console): Promise<ExitCode> {
  const answer = await api.get<WaitingJobs>('/v1/jobs', query);
  if (output === 'json') console.out(JSON.stringify(answer, null, 2));
  else console.out(answer.jobs.length === 0 ? 'No job and no timer waits.' : table(answer.jobs, columns, console));
  if (output === 'table' && answer.nextCursor !== null) console.err(`More: add --cursor ${answer.nextCursor}`);
  return exitCodes.done;
}

const columns: readonly Column<WaitingJob>[] = [
  { title: 'DUE (UTC)', cell: ({ dueAtMs }) => dateTime(dueAtMs), style: () => 'dim' },
  { title: 'APP', cell: ({ app }) => app },
  { title: 'KIND', cell: ({ kind }) => kind },
  { title: 'STAGE', cell: ({ stage }) => stage, style: ({ stage }) => (stage === 'due' ? 'yellow' : 'dim') },
  { title: 'TRIES', cell: ({ attempts }) => grouped(attempts), align: 'right' },
  { title: 'ID', cell: ({ id }) => id },
  { title: 'LAST ERROR', cell: ({ lastError }) => lastError ?? '-', flexible: 'wrap' },
];
