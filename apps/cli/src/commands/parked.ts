import type { Aside, ParkedFound, ParkedHistory, ParkedList, ParkedRecord, ParkedSummary } from '../answers.ts';
import type { ApiClient } from '../api-client.ts';
import type { Console, OutputFormat } from '../console.ts';
import { CliError, type ExitCode, exitCodes } from '../exit.ts';
import { type Column, table } from '../output/table.ts';
import { cut, dateTime, grouped, printable } from '../output/text.ts';

/** Enough to recognise a body; `--output json` has all of it. */
const previewLengthMax = 2_000;

export type ListOptions = {
  readonly output: OutputFormat;
  /** Every record that was ever parked, settled or not. */
  readonly all: boolean;
  readonly app: string | undefined;
  readonly code: string | undefined;
  readonly limit: number;
  readonly cursor: string | undefined;
};

/** Lists what is parked now, records and jobs, newest first. */
export async function listParked(options: ListOptions, api: ApiClient, console: Console): Promise<ExitCode> {
  const { output, all, app, code, limit, cursor } = options;
  if (all) return listHistory({ output, limit, cursor }, api, console);
  const answer = await api.get<ParkedList>('/v1/parked', { app, code, limit, cursor });
  if (output === 'json') console.out(JSON.stringify(answer, null, 2));
  else console.out(answer.parked.length === 0 ? 'Nothing is parked.' : table(answer.parked, columns, console));
  if (output === 'table' && answer.nextCursor !== null) console.err(`More: add --cursor ${answer.nextCursor}`);
  return exitCodes.done;
}

type Page = Pick<ListOptions, 'output' | 'limit' | 'cursor'>;

async function listHistory({ output, limit, cursor }: Page, api: ApiClient, console: Console): Promise<ExitCode> {
  const answer = await api.get<ParkedHistory>('/v1/parked/history', { limit, cursor });
  if (output === 'json') console.out(JSON.stringify(answer, null, 2));
  else console.out(answer.history.length === 0 ? 'Nothing was ever parked.' : table(answer.history, historyColumns, console));
  if (output === 'table' && answer.nextCursor !== null) console.err(`More: add --cursor ${answer.nextCursor}`);
  return exitCodes.done;
}

/** Shows one record with its headers and bytes, also one that was settled long ago, or a job. @param id as the list says it */
export async function showParked(
  id: string,
  { output }: { readonly output: OutputFormat },
  api: ApiClient,
  console: Console,
): Promise<ExitCode> {
  const { parked: aside } = await api.get<Pick<ParkedList, 'parked'>>('/v1/parked/find', { id });
  const records = aside.length > 0 && aside.every(({ kind }) => kind === 'job') ? [] : await findRecords(id, api);
  if (output === 'json') console.out(JSON.stringify({ aside, parked: records }, null, 2));
  else console.out([...aside.map((each) => asideText(each, console)), ...records.map((each) => recordText(each, console))].join('\n\n'));
  return exitCodes.done;
}

async function findRecords(id: string, api: ApiClient): Promise<readonly ParkedRecord[]> {
  const [, topic, partition, offset] = /^([^/]+)\/(-?\d+)\/(-?\d+)$/.exec(id) ?? [];
  if (topic === undefined)
    throw new CliError(
      exitCodes.no,
      `no job ${JSON.stringify(id)} is parked, and it is no place of a record`,
      'Write it like `waybill parked list` does: waybill.deliveries.v1/0/41, or the id of a job.',
    );
  return (await api.get<ParkedFound>(`/v1/parked/${encodeURIComponent(topic)}/${partition}/${offset}`)).parked;
}

const placeName = ({ topic, partition, offset }: ParkedSummary['parked']): string => `${topic}/${partition}/${offset}`;

const columns: readonly Column<Aside>[] = [
  { title: 'PARKED (UTC)', cell: ({ parkedAtMs }) => dateTime(parkedAtMs), style: () => 'dim' },
  { title: 'APP', cell: ({ app }) => app },
  { title: 'KIND', cell: ({ kind }) => kind, optional: true, style: () => 'dim' },
  { title: 'CODE', cell: ({ code }) => code, style: () => 'yellow' },
  { title: 'TRIES', cell: ({ attempts }) => grouped(attempts), align: 'right' },
  { title: 'BEHIND', cell: ({ behind }) => grouped(behind), align: 'right', style: ({ behind }) => (behind > 0 ? 'yellow' : 'dim') },
  { title: 'ID', cell: ({ id }) => id },
  { title: 'REASON', cell: ({ reason }) => reason, flexible: 'wrap' },
];

const historyColumns: readonly Column<ParkedSummary>[] = [
  { title: 'PARKED (UTC)', cell: ({ parkedAtMs }) => dateTime(parkedAtMs), style: () => 'dim' },
  { title: 'APP', cell: ({ app }) => app },
  { title: 'CODE', cell: ({ code }) => code, style: () => 'yellow' },
  { title: 'FROM', cell: ({ origin, parked }) => placeName(origin.offset < 0 ? parked : origin) },
  { title: 'BYTES', cell: ({ valueBytes }) => grouped(valueBytes), align: 'right' },
  { title: 'REASON', cell: ({ reason }) => reason, flexible: 'wrap' },
];

const factsText = (facts: readonly (readonly [name: string, value: string])[], { style }: Console): string =>
  facts.map(([name, value]) => `${style('dim', printable(name).padEnd(12))} ${printable(value)}`).join('\n');

function asideText({ kind, app, id, code, reason, attempts, parkedAtMs, behind, canRetry }: Aside, console: Console): string {
  const next = canRetry ? 'waybill parked retry or drop' : `waybill deliveries replay ${id}, then waybill parked drop`;
  return factsText(
    [
      ['parked now', `${kind} ${id} of ${app}, since ${dateTime(parkedAtMs)} UTC`],
      ['tries', `${attempts}, last: ${reason} (${code})`],
      ['behind it', behind === 0 ? 'nothing waits' : `${grouped(behind)} records wait`],
      ['next', next],
    ],
    console,
  );
}

function recordText(record: ParkedRecord, console: Console): string {
  const { style } = console;
  const { app, code, reason, origin, parked, parkedAtMs, valueBytes } = record;
  const text = (base64: string): string => printable(cut(Buffer.from(base64, 'base64').toString('utf8'), previewLengthMax));
  const facts: readonly (readonly [string, string])[] = [
    ['parked by', `${app}, ${dateTime(parkedAtMs)} UTC`],
    ['code', code],
    ['reason', reason],
    ['from', origin.offset < 0 ? `${origin.topic}, before it got an offset` : placeName(origin)],
    ['kept at', placeName(parked)],
    ['key', record.key === null ? 'none' : text(record.key)],
    ...record.headers.map(({ name, value }) => [`header ${name}`, text(value)] as const),
  ];
  return [
    factsText(facts, console),
    style('dim', `value (${grouped(valueBytes)} bytes)`),
    record.value === null ? 'none' : text(record.value),
  ].join('\n');
}
