import type { Codec } from '@waybill/stream';
import type { Console, OutputFormat } from '../console.ts';
import { type Became, type Becoming, readBecoming } from '../deliveries/became.ts';
import { findDeliveries, type DeliveryQuery, type LoggedDelivery, type ReadLog } from '../deliveries/delivery-log.ts';
import { differencesTable, readAs, unreadText } from '../deliveries/describe.ts';
import { planReplay, type FindReading, type Reread } from '../deliveries/replay.ts';
import { CliError, type ExitCode, exitCodes } from '../exit.ts';
import { cut, dateTime, grouped, printable } from '../output/text.ts';

/** A screen or two; `--output json` has all of it. */
const bodyLengthMax = 20_000;

/** @throws CliError 1 where there is none */
export async function findAsked(id: string, query: DeliveryQuery, log: ReadLog, codec: Codec): Promise<readonly LoggedDelivery[]> {
  const found = await findDeliveries(log, codec, id, query);
  if (found.length > 0) return found;
  const next = 'See `waybill deliveries list`; deliveries are kept for 30 days, and those that were parked for ever.';
  throw new CliError(exitCodes.no, `there is no delivery ${JSON.stringify(id)}`, next);
}

/** Reads what has become of these deliveries. */
export async function becomingOf(deliveries: readonly LoggedDelivery[], log: ReadLog, codec: Codec): Promise<Becoming> {
  const ids = new Set(deliveries.map(({ event }) => event.meta.id));
  const sinceMs = Math.min(...deliveries.map(({ event }) => event.data.receivedAtMs));
  return readBecoming(log, codec, sinceMs, ({ id }) => ids.has(id));
}

export type ShowOptions = DeliveryQuery & { readonly output: OutputFormat; readonly id: string };

/** Shows a delivery as it came, what it became, and what it would become today. The same bytes that came again are shown too. */
export async function showDelivery(
  { output, id, ...query }: ShowOptions,
  { log, codec, findReading }: { readonly log: ReadLog; readonly codec: Codec; readonly findReading: FindReading },
  console: Console,
): Promise<ExitCode> {
  const deliveries = await findAsked(id, query, log, codec);
  const becoming = await becomingOf(deliveries, log, codec);
  const request = { requestedBy: '', reason: '', requestedAtMs: 0 };
  const shown = deliveries.map((delivery) => ({
    delivery,
    became: becoming.of({ id: delivery.event.meta.id, receivedAtMs: delivery.event.data.receivedAtMs }),
    now: planReplay(delivery, request, { log, codec, findReading, becoming, planned: new Set() }).reread,
  }));
  if (output === 'json') console.out(JSON.stringify({ deliveries: shown.map(toJson) }, null, 2));
  else console.out(shown.map((each) => deliveryText(each, console)).join('\n\n'));
  return exitCodes.done;
}

type Shown = { readonly delivery: LoggedDelivery; readonly became: Became; readonly now: Reread };

const toJson = ({ delivery, became, now }: Shown) => ({
  ...{ id: delivery.event.meta.id, place: delivery.place },
  delivery: { ...delivery.event.data, body: delivery.event.data.body.toString('base64') },
  became: {
    events: became.events,
    parked: became.parked.map(({ event: { data }, ...place }) => ({ ...place, code: data.code, reason: data.reason })),
    replays: became.replays.map(({ data }) => data),
  },
  now,
});

function deliveryText({ delivery, became, now }: Shown, console: Console): string {
  const { data, meta } = delivery.event;
  const { style } = console;
  const facts: readonly (readonly [string, string])[] = [
    ['received', `${dateTime(data.receivedAtMs)} UTC from ${data.remoteAddress ?? 'an address that is not known'}`],
    ['endpoint', `${data.endpoint} (${data.source})`],
    ['id', meta.id],
    ['kept at', delivery.place],
    ['sha256', data.bodySha256],
    ...Object.entries(data.headers).map(([name, value]) => [`header ${name}`, value] as const),
  ];
  const head = facts.map(([name, value]) => `${style('dim', printable(name).padEnd(12))} ${printable(value)}`);
  const body = [style('dim', `body (${grouped(data.body.length)} bytes)`), bodyText(data.body)];
  const then = [
    ...became.parked.map(({ event }) => style('yellow', printable(`then parked: ${event.data.reason} (${event.data.code})`))),
    ...became.replays.map(({ data: { requestedBy, requestedAtMs, reason, eventIds } }) =>
      printable(`replayed ${dateTime(requestedAtMs)} UTC by ${requestedBy}: ${eventIds.length} new${reason === '' ? '' : `, ${reason}`}`),
    ),
  ];
  return [...head, ...body, '', ...then, readAs(now), ...differencesTable(now.differences, console), ...unreadText(now, console)].join(
    '\n',
  );
}

function bodyText(body: Buffer): string {
  const text = body.toString('utf8');
  const lines = cut(prettyOf(text) ?? text, bodyLengthMax).split('\n');
  return lines.map(printable).join('\n');
}

function prettyOf(text: string): string | undefined {
  try {
    return JSON.stringify(JSON.parse(text), null, 2);
  } catch {
    return undefined;
  }
}
