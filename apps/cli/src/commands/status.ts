import type { GroupStatus, Status } from '../answers.ts';
import type { ApiClient } from '../api-client.ts';
import type { Console, OutputFormat } from '../console.ts';
import { type ExitCode, exitCodes } from '../exit.ts';
import { type Column, table } from '../output/table.ts';
import { dateTime, duration, grouped, printable } from '../output/text.ts';

export type StatusOptions = { readonly output: OutputFormat; readonly lagMax: number | undefined };

/**
 * Shows how far each group is, what lies aside, and which hosts are left alone.
 * Says no (1) where `lagMax` is given and a group is further behind.
 */
export async function status({ output, lagMax }: StatusOptions, api: ApiClient, console: Console): Promise<ExitCode> {
  const answer = await api.get<Status>('/v1/status');
  if (output === 'json') console.out(JSON.stringify(answer, null, 2));
  else console.out(statusText(answer, console));
  const behind = answer.groups.filter(({ lag }) => lagMax !== undefined && lag > lagMax);
  if (behind.length === 0) return exitCodes.done;
  console.err(`Behind by more than ${lagMax}: ${behind.map(({ group, lag }) => `${group} (${lag})`).join(', ')}`);
  return exitCodes.no;
}

function statusText(answer: Status, console: Console): string {
  const lagging = answer.groups.flatMap(({ group, topics }) =>
    topics.filter(({ lag }) => lag > 0).map(({ topic, lag }) => ({ group, topic, lag })),
  );
  const lines = [table(answer.groups, columns, console)];
  if (lagging.length > 0)
    lines.push('', ...lagging.map(({ group, topic, lag }) => `${group} is ${grouped(lag)} behind on ${printable(topic)}`));
  for (const { app, code, count } of answer.parked)
    lines.push(console.style('yellow', `${grouped(count)} parked by ${printable(app)}: ${printable(code)}`));
  if (answer.parked.length > 0) lines.push('See `waybill parked list`.');
  lines.push(...circuitLines(answer, console));
  return [...lines, console.style('dim', `as of ${dateTime(answer.asOfMs)} UTC`)].join('\n');
}

/** Hosts that are left alone for now, and of whom that is not known. */
function circuitLines({ asOfMs, circuits: { asked, unanswered, open } }: Status, { style }: Console): readonly string[] {
  const lines = open.map(({ app, kind, host, openSinceMs }) => {
    const since = `${dateTime(openSinceMs)} UTC (${duration(Math.max(0, asOfMs - openSinceMs))})`;
    return style('yellow', `${printable(`${app}: ${kind} jobs for ${host}`)} wait, its circuit is open since ${since}`);
  });
  for (const url of unanswered) lines.push(style('yellow', `${printable(url)} gives no answer: its circuits are not known`));
  if (asked === 0) lines.push(style('dim', 'circuits are not known: the API has no OPS_URLS'));
  return lines;
}

const number = (title: string, value: (row: GroupStatus) => number): Column<GroupStatus> => ({
  title,
  cell: (row) => grouped(value(row)),
  align: 'right',
  style: (row) => (value(row) > 0 ? 'yellow' : 'dim'),
});

const columns: readonly Column<GroupStatus>[] = [
  { title: 'GROUP', cell: ({ group }) => group },
  number('LAG', ({ lag }) => lag),
  number('JOBS DUE', ({ jobsDue }) => jobsDue),
  { title: 'TIMERS', cell: ({ timers }) => grouped(timers), align: 'right', style: () => 'dim' },
  number('JOBS PARKED', ({ jobsParked }) => jobsParked),
  number('RECORDS PARKED', ({ recordsParked }) => recordsParked),
  {
    title: 'NEXT DUE (UTC)',
    cell: ({ nextDueAtMs }) => (nextDueAtMs === null ? '-' : dateTime(nextDueAtMs)),
    optional: true,
    style: () => 'dim',
  },
];
