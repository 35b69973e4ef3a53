import { topics } from '@waybill/domain';
import type { Codec, NewRecord } from '@waybill/stream';
import type { Console, OutputFormat } from '../console.ts';
import { type Becoming, readBecoming } from '../deliveries/became.ts';
import type { Difference } from '../deliveries/compare.ts';
import { readDeliveries, spansOf, type DeliveryQuery, type LoggedDelivery, type ReadLog } from '../deliveries/delivery-log.ts';
import { differencesTable, readAs, unreadText } from '../deliveries/describe.ts';
import { planReplay, type FindReading, type ReplayRequest, type Reread } from '../deliveries/replay.ts';
import { CliError, type ExitCode, exitCodes } from '../exit.ts';
import { dateTime, grouped } from '../output/text.ts';
import { becomingOf, findAsked } from './deliveries-show.ts';

export type ReplayDependencies = {
  readonly log: ReadLog;
  readonly codec: Codec;
  readonly findReading: FindReading;
  /** Resolves once they are durable. Not called in a dry run. */
  readonly append: (records: readonly NewRecord[]) => Promise<void>;
};

type Common = { readonly output: OutputFormat; readonly isDry: boolean; readonly request: ReplayRequest };
export type ReplayOptions = Common & DeliveryQuery & { readonly id: string };

/**
 * Reads one stored delivery again, with today's parser and today's settings of its endpoint, and appends what the log lacks of it.
 * @returns 1 where some of it still cannot be read
 * @throws CliError 1 where there is no such delivery, or its endpoint is not configured any more
 */
export async function replayDelivery(options: ReplayOptions, dependencies: ReplayDependencies, console: Console): Promise<ExitCode> {
  const { id, output, isDry, ...query } = options;
  const { log, codec } = dependencies;
  const deliveries = await findAsked(id, query, log, codec);
  const becoming = await becomingOf(deliveries, log, codec);
  const { rereads, appended } = await replayAll(deliveries, becoming, options, dependencies);
  const lost = rereads.find(({ outcome }) => outcome === 'unconfigured');
  if (lost !== undefined)
    throw new CliError(
      exitCodes.no,
      `${lost.endpoint} is not in sources.yaml: nothing says how to read what came to it`,
      'Put the endpoint back, or name another folder with --config.',
    );
  if (output === 'json') console.out(JSON.stringify({ dryRun: isDry, appended, deliveries: rereads }, null, 2));
  else {
    const parkedIds = deliveries.flatMap(({ event: { meta, data } }) =>
      becoming.of({ id: meta.id, receivedAtMs: data.receivedAtMs }).parked.map(parkedName),
    );
    console.out(rereads.map((each) => rereadText(each, console)).join('\n\n'));
    console.out(appendedText(appended, isDry));
    const isRead = rereads.every(({ unread }) => unread === null);
    if (isRead && !isDry) for (const place of parkedIds) console.out(`It is still parked: waybill parked drop ${place} --reason replayed`);
  }
  return rereads.every(({ unread }) => unread === null) ? exitCodes.done : exitCodes.no;
}

export type ReparseOptions = Common &
  DeliveryQuery & {
    readonly fromMs: number;
    readonly toMs: number;
    /** A longer range is refused. */
    readonly offsetsMax: number;
  };

type Summary = {
  deliveries: number;
  unconfigured: number;
  unread: number;
  readonly verdicts: Record<Difference['verdict'], number>;
  /** The first of those that are not the same. */
  readonly differences: (Difference & { readonly delivery: string })[];
};

const differencesShownMax = 50;

/**
 * Does the same for all deliveries of a range, in their order.
 * @throws CliError 1 for a range that is longer than what was allowed
 */
export async function reparseDeliveries(options: ReparseOptions, dependencies: ReplayDependencies, console: Console): Promise<ExitCode> {
  const { output, isDry, fromMs, toMs, offsetsMax } = options;
  const { log, codec } = dependencies;
  const offsets = (await spansOf(log, options)).reduce((sum, { from, to }) => sum + Math.max(0, to - from), 0);
  if (offsets > offsetsMax)
    throw new CliError(
      exitCodes.no,
      `from then on there are ${grouped(offsets)} deliveries, more than ${grouped(offsetsMax)}`,
      'Begin later, name one --endpoint, or allow more with --limit.',
    );
  const becoming = await readBecoming(log, codec, fromMs, ({ receivedAtMs }) => receivedAtMs >= fromMs && receivedAtMs < toMs);
  const summary: Summary = {
    ...{ deliveries: 0, unconfigured: 0, unread: 0, differences: [] },
    verdicts: { same: 0, changed: 0, new: 0, gone: 0 },
  };
  const onReread = (reread: Reread): void => {
    addTo(summary, reread);
    console.progress(`${grouped(summary.deliveries)} read again, ${grouped(summary.verdicts.new)} new`);
  };
  const appended = await replayEach(readDeliveries(log, codec, options), becoming, options, dependencies, onReread);
  console.progress('');
  if (output === 'json') console.out(JSON.stringify({ dryRun: isDry, appended, ...summary }, null, 2));
  else console.out(summaryText(summary, appended, isDry, console));
  return exitCodes.done;
}

function addTo(summary: Summary, { id, outcome, unread, differences }: Reread): void {
  summary.deliveries += 1;
  if (outcome === 'unconfigured') summary.unconfigured += 1;
  if (unread !== null) summary.unread += 1;
  for (const difference of differences) {
    summary.verdicts[difference.verdict] += 1;
    if (difference.verdict !== 'same' && summary.differences.length < differencesShownMax)
      summary.differences.push({ ...difference, delivery: id });
  }
}

async function replayAll(
  deliveries: readonly LoggedDelivery[],
  becoming: Becoming,
  common: Common,
  dependencies: ReplayDependencies,
): Promise<{ readonly rereads: readonly Reread[]; readonly appended: number }> {
  const rereads: Reread[] = [];
  const appended = await replayEach(deliveries, becoming, common, dependencies, (reread) => void rereads.push(reread));
  return { rereads, appended };
}

/** Records per append: one request to each leading broker takes them. */
const recordsMax = 1_000;

/**
 * Appends in the order of the deliveries. A failure leaves the log with some of it; doing it again appends the rest.
 * @returns how many events were appended, or would have been
 */
async function replayEach(
  deliveries: Iterable<LoggedDelivery> | AsyncIterable<LoggedDelivery>,
  becoming: Becoming,
  { isDry, request }: Common,
  { append, ...dependencies }: ReplayDependencies,
  onReread: (reread: Reread) => void,
): Promise<number> {
  const planned = new Set<string>();
  let waiting: NewRecord[] = [];
  const flush = async (): Promise<void> => {
    const records = waiting;
    waiting = [];
    if (records.length > 0 && !isDry) await append(records);
  };
  for await (const delivery of deliveries) {
    const { reread, records } = planReplay(delivery, request, { ...dependencies, becoming, planned });
    waiting.push(...records);
    if (waiting.length >= recordsMax) await flush();
    onReread(reread);
  }
  await flush();
  return planned.size;
}

/** As `waybill parked` knows it: the gateway cannot tell the place of what it parks. */
const parkedName = ({ partition, offset }: ReturnType<Becoming['of']>['parked'][number]): string =>
  `${topics.parked.name}/${partition}/${offset}`;

const rereadText = (reread: Reread, console: Console): string =>
  [
    console.style('dim', `${reread.id}, received ${dateTime(reread.receivedAtMs)} UTC at ${reread.endpoint}`),
    readAs(reread),
    ...differencesTable(reread.differences, console),
    ...unreadText(reread, console),
  ].join('\n');

const appendedText = (count: number, isDry: boolean): string => {
  const events = `${grouped(count)} new ${count === 1 ? 'event' : 'events'}`;
  if (count === 0) return 'Nothing new: nothing is appended.';
  return isDry ? `${events} would be appended.` : `${events} appended, with the ids and times that they would have had.`;
};

function summaryText(summary: Summary, appended: number, isDry: boolean, console: Console): string {
  const { deliveries, verdicts, unread, unconfigured, differences } = summary;
  const lines = [
    `${grouped(deliveries)} deliveries read again: ${Object.entries(verdicts)
      .map(([verdict, count]) => `${grouped(count)} ${verdict}`)
      .join(', ')}`,
    ...differencesTable(differences, console),
  ];
  if (unread > 0) lines.push(`${grouped(unread)} cannot be read, or not all of them: waybill deliveries list --outcome parked`);
  if (unconfigured > 0) lines.push(`${grouped(unconfigured)} left alone: their endpoints are not in sources.yaml`);
  return [...lines, appendedText(appended, isDry)].join('\n');
}
