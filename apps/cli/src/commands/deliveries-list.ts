import type { Codec } from '@waybill/stream';
import type { Console, OutputFormat } from '../console.ts';
import { type Became, readBecoming } from '../deliveries/became.ts';
import { readNewest, type DeliveryQuery, type LoggedDelivery, type ReadLog } from '../deliveries/delivery-log.ts';
import { type ExitCode, exitCodes } from '../exit.ts';
import { type Column, table } from '../output/table.ts';
import { dateTime, grouped } from '../output/text.ts';

/** What a delivery became, which may be several; `replayed`: something more when it was read again. */
export type Outcome = 'events' | 'ignored' | 'parked' | 'replayed';

export type ListOptions = DeliveryQuery & {
  readonly output: OutputFormat;
  readonly outcome: Outcome | undefined;
  readonly limit: number;
};

type Summary = {
  readonly id: string;
  readonly place: string;
  readonly endpoint: string;
  readonly source: string;
  readonly receivedAtMs: number;
  readonly remoteAddress: string | null;
  readonly bodyBytes: number;
};
type Row = Summary & { readonly events: number; readonly parkedCode: string | null; readonly replays: number };

/** Deliveries looked at for one list, at most: with an outcome that few have, the log is read far back. */
const lookedAtMax = 200_000;
const pageMin = 200;

/** Lists what came in and what it became, newest first. */
export async function listDeliveries(options: ListOptions, log: ReadLog, codec: Codec, console: Console): Promise<ExitCode> {
  const { output, outcome, limit } = options;
  const rows: Row[] = [];
  let lookedAt = 0;
  const newest = readNewest(log, codec, options, summaryOf);
  // Pages grow, so that what became of them, which is read to the end each time, is read about twice in all.
  for (let size = outcome === undefined ? limit : Math.max(pageMin, 2 * limit); rows.length < limit; size *= 2) {
    const page = await takeSome(newest, Math.min(size, lookedAtMax - lookedAt));
    if (page.length === 0) break;
    lookedAt += page.length;
    rows.push(...(await withBecoming(page, log, codec)).filter((row) => outcome === undefined || outcomesOf(row).includes(outcome)));
    console.progress(`${grouped(lookedAt)} deliveries looked at`);
  }
  await newest.return(undefined);
  console.progress('');
  const shown = rows.slice(0, limit);
  if (output === 'json') console.out(JSON.stringify({ deliveries: shown }, null, 2));
  else console.out(shown.length === 0 ? 'There is no such delivery.' : table(shown, columns, console));
  if (lookedAt >= lookedAtMax && rows.length < limit)
    console.err(`Only the newest ${grouped(lookedAtMax)} were looked at; go on with --to.`);
  return exitCodes.done;
}

const summaryOf = ({ place, event: { data, meta } }: LoggedDelivery): Summary => ({
  ...{ id: meta.id, place },
  ...{ endpoint: data.endpoint, source: data.source, receivedAtMs: data.receivedAtMs, remoteAddress: data.remoteAddress },
  bodyBytes: data.body.length,
});

async function takeSome<T>(source: AsyncGenerator<T>, count: number): Promise<readonly T[]> {
  const taken: T[] = [];
  while (taken.length < count) {
    const next = await source.next();
    if (next.done) break;
    taken.push(next.value);
  }
  return taken;
}

async function withBecoming(page: readonly Summary[], log: ReadLog, codec: Codec): Promise<readonly Row[]> {
  const ids = new Set(page.map(({ id }) => id));
  const sinceMs = Math.min(...page.map(({ receivedAtMs }) => receivedAtMs));
  const becoming = await readBecoming(log, codec, sinceMs, ({ id }) => ids.has(id));
  return page.map((summary) => ({ ...summary, ...countsOf(becoming.of(summary)) }));
}

const countsOf = ({ events, parked, replays }: Became): Pick<Row, 'events' | 'parkedCode' | 'replays'> => ({
  events: events.length,
  parkedCode: parked[0]?.event.data.code ?? null,
  replays: replays.length,
});

function outcomesOf({ events, parkedCode, replays }: Row): readonly Outcome[] {
  const found: Outcome[] = [];
  if (events > 0) found.push('events');
  if (parkedCode !== null) found.push('parked');
  if (replays > 0) found.push('replayed');
  return found.length === 0 ? ['ignored'] : found;
}

function outcomeText(row: Row): string {
  const { events, parkedCode, replays } = row;
  const parts = [
    ...(events > 0 ? [`${grouped(events)} ${events === 1 ? 'event' : 'events'}`] : []),
    ...(replays > 0 ? ['replayed'] : []),
    ...(parkedCode === null ? [] : [`parked ${parkedCode}`]),
  ];
  return parts.length === 0 ? 'ignored' : parts.join(', ');
}

const columns: readonly Column<Row>[] = [
  { title: 'RECEIVED (UTC)', cell: ({ receivedAtMs }) => dateTime(receivedAtMs), style: () => 'dim' },
  { title: 'ENDPOINT', cell: ({ endpoint }) => endpoint },
  {
    title: 'BECAME',
    cell: outcomeText,
    flexible: 'wrap',
    style: ({ parkedCode, replays }) => (parkedCode === null ? undefined : replays > 0 ? 'dim' : 'yellow'),
  },
  { title: 'BYTES', cell: ({ bodyBytes }) => grouped(bodyBytes), align: 'right', optional: true },
  { title: 'FROM', cell: ({ remoteAddress }) => remoteAddress ?? '-', optional: true, style: () => 'dim' },
  { title: 'ID', cell: ({ id }) => id },
  { title: 'PLACE', cell: ({ place }) => place, optional: true, style: () => 'dim' },
];
