import type { ParkedFound, ParkedList, ParkedRecord, ParkedSummary } from '../answers.ts';
import type { ApiClient } from '../api-client.ts';
import type { Console, OutputFormat } from '../console.ts';
import { CliError, type ExitCode, exitCodes } from '../exit.ts';
import { type Column, table } from '../output/table.ts';
import { cut, dateTime, grouped, printable } from '../output/text.ts';

/** Enough to recognise a body; `--output json` has all of it. */
const previewLengthMax = 2_000;

export type ListOptions = { readonly output: OutputFormat; readonly limit: number; readonly cursor: string | undefined };

/** Lists records that could not be processed, newest first. */
export async function listParked({ output, limit, cursor }: ListOptions, api: ApiClient, console: Console): Promise<ExitCode> {
  const answer = await api.get<ParkedList>('/v1/parked', { limit, cursor });
  if (output === 'json') console.out(JSON.stringify(answer, null, 2));
  else console.out(answer.parked.length === 0 ? 'Nothing is parked.' : table(answer.parked, columns, console));
  if (output === 'table' && answer.nextCursor !== null) console.err(`More: add --cursor ${answer.nextCursor}`);
  return exitCodes.done;
}

/** Shows one record with its headers and bytes. @param place `topic/partition/offset`, of the record or of the parked topic */
export async function showParked(
  place: string,
  { output }: { readonly output: OutputFormat },
  api: ApiClient,
  console: Console,
): Promise<ExitCode> {
  const [, topic, partition, offset] = /^([^/]+)\/(-?\d+)\/(-?\d+)$/.exec(place) ?? [];
  if (topic === undefined)
    throw new CliError(
      exitCodes.usage,
      `${JSON.stringify(place)} is no place of a record`,
      'Write it like waybill.deliveries.v1/0/41, as `waybill parked list` does.',
    );
  const answer = await api.get<ParkedFound>(`/v1/parked/${encodeURIComponent(topic)}/${partition}/${offset}`);
  console.out(
    output === 'json' ? JSON.stringify(answer, null, 2) : answer.parked.map((record) => recordText(record, console)).join('\n\n'),
  );
  return exitCodes.done;
}

const placeName = ({ topic, partition, offset }: ParkedSummary['parked']): string => `${topic}/${partition}/${offset}`;

const columns: readonly Column<ParkedSummary>[] = [
  { title: 'PARKED (UTC)', cell: ({ parkedAtMs }) => dateTime(parkedAtMs), style: () => 'dim' },
  { title: 'APP', cell: ({ app }) => app },
  { title: 'CODE', cell: ({ code }) => code, style: () => 'yellow' },
  { title: 'PLACE', cell: ({ parked }) => placeName(parked) },
  { title: 'BYTES', cell: ({ valueBytes }) => grouped(valueBytes), align: 'right' },
  { title: 'REASON', cell: ({ reason }) => reason, flexible: 'wrap' },
];

function recordText(record: ParkedRecord, { style }: Console): string {
  const { app, code, reason, origin, parked, parkedAtMs, valueBytes } = record;
  const text = (base64: string): string => printable(cut(Buffer.from(base64, 'base64').toString('utf8'), previewLengthMax));
  const facts = [
    ['parked by', `${app}, ${dateTime(parkedAtMs)} UTC`],
    ['code', code],
    ['reason', reason],
    ['from', origin.offset < 0 ? `${origin.topic}, before it got an offset` : placeName(origin)],
    ['kept at', placeName(parked)],
    ['key', record.key === null ? 'none' : text(record.key)],
    ...record.headers.map(({ name, value }) => [`header ${name}`, text(value)]),
  ].map(([name, value]) => `${style('dim', printable(name!).padEnd(12))} ${printable(value!)}`);
  return [...facts, style('dim', `value (${grouped(valueBytes)} bytes)`), record.value === null ? 'none' : text(record.value)].join('\n');
}
