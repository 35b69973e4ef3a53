import { rebuildable, topics } from '@waybill/domain';
import { createTopics } from '@waybill/kafka';
import {
  encodeSwap,
  readProjection,
  swapOf,
  versionGroup,
  versionTopic,
  type Codec,
  type EventLog,
  type NewRecord,
  type Projection,
} from '@waybill/stream';
import type { Console, OutputFormat } from '../console.ts';
import { CliError, type ExitCode, exitCodes } from '../exit.ts';
import { type Column, table } from '../output/table.ts';
import { dateTime } from '../output/text.ts';
import { asCliError } from './deploy.ts';

/** Lists which version of each app is live. */
export async function listProjections(
  { output }: { readonly output: OutputFormat },
  log: EventLog,
  codec: Codec,
  console: Console,
): Promise<ExitCode> {
  const projections = await Promise.all(Object.keys(rebuildable).map((app) => readProjection(log, codec, app)));
  if (output === 'json') console.out(JSON.stringify({ projections }, null, 2));
  else console.out(table(projections, columns, console));
  return exitCodes.done;
}

const columns: readonly Column<Projection>[] = [
  { title: 'APP', cell: ({ app }) => app },
  { title: 'LIVE', cell: ({ liveVersion }) => `v${liveVersion}` },
  { title: 'BEFORE', cell: ({ formerVersions }) => formerVersions.map((version) => `v${version}`).join(' ') || '-' },
  { title: 'SINCE (UTC)', cell: ({ changedAtMs }) => (changedAtMs === undefined ? '-' : dateTime(changedAtMs)), style: () => 'dim' },
  { title: 'BY', cell: ({ changedBy }) => changedBy ?? '-' },
  { title: 'WHY', cell: ({ reason }) => reason ?? '-', flexible: 'wrap' },
];

export type PrepareOptions = {
  readonly output: OutputFormat;
  readonly app: string;
  readonly version: number;
  readonly brokers: readonly string[];
  readonly replication: number;
};

/**
 * Creates the topics that a version writes for itself. Repeatable.
 * @throws CliError 1 where one of them is there with another partition count, 2 for an app without versions, 3 where Kafka is away
 */
export async function prepareProjection(
  options: PrepareOptions,
  log: Pick<EventLog, 'partitions'>,
  console: Console,
  create = createTopics,
): Promise<ExitCode> {
  const { output, app, version, brokers, replication } = options;
  const wanted = appOf(app).state.map((topic) => versionTopic(topic, version));
  const settings = { brokers, partitions: log.partitions, replication, onProgress: () => undefined };
  await create(settings, wanted).catch((cause: unknown) => Promise.reject(asCliError(cause)));
  const names = wanted.map(({ name }) => name);
  if (output === 'json') console.out(JSON.stringify({ app, version, topics: names }, null, 2));
  else
    console.out(`${names.join('\n')}\nNow start ${app} with PROJECTION_VERSION=${version}: it rebuilds beside the live one, in silence.`);
  return exitCodes.done;
}

export type SwapOptions = {
  readonly output: OutputFormat;
  readonly app: string;
  readonly to: number;
  readonly reason: string;
  readonly changedBy: string;
  /** Records that the version may have to catch up with, at most. */
  readonly behindMax: number;
};

/**
 * Makes another version live. Asked for while that one is far behind, its events would be late by what it has to catch up with.
 * @throws CliError 1 where the version is live already or too far behind
 */
export async function swapProjection(
  { output, app, to, reason, changedBy, behindMax }: SwapOptions,
  log: EventLog,
  codec: Codec,
  send: (record: NewRecord) => Promise<void>,
  console: Console,
): Promise<ExitCode> {
  const before = await readProjection(log, codec, appOf(app).app);
  if (before.liveVersion === to)
    throw new CliError(exitCodes.no, `version ${to} of ${app} is live already`, 'See `waybill projection list`.');
  const behind = await behindOf(app, to, before.liveVersion, log);
  if (behind > behindMax) {
    const next = `Let it run with PROJECTION_VERSION=${to} until it has caught up, or allow it with --max-behind ${behind}.`;
    throw new CliError(exitCodes.no, `version ${to} of ${app} is ${behind} records behind version ${before.liveVersion}`, next);
  }
  const swap = swapOf(before, { to, changedBy, reason, changedAtMs: Date.now() });
  await send(encodeSwap(codec, log, swap));
  if (output === 'json') console.out(JSON.stringify({ ...swap.data, behind }, null, 2));
  else console.out(`version ${to} of ${app} takes over from version ${before.liveVersion}, ${behind} records behind`);
  return exitCodes.done;
}

/** Records that one version has committed and another has not. */
async function behindOf(app: string, version: number, liveVersion: number, log: EventLog): Promise<number> {
  const names = [...appOf(app).inputs, topics.parkedCommands].map(({ name }) => name);
  let behind = 0;
  for (let partition = 0; partition < log.partitions; partition++) {
    const offsetsOf = (each: number) => log.committed(versionGroup(app, each), names, partition);
    const [live, own] = await Promise.all([offsetsOf(liveVersion), offsetsOf(version)]);
    for (const [topic, offset] of live) behind += Math.max(0, offset - (own.get(topic) ?? 0));
  }
  return behind;
}

function appOf(app: string) {
  const known = rebuildable[app];
  if (known) return { app, ...known };
  const names = Object.keys(rebuildable).join(' and ');
  throw new CliError(
    exitCodes.usage,
    `${app} has no versions: its rows do not follow from the log alone`,
    `Only ${names} can be rebuilt beside themselves; others are replaced in place.`,
  );
}
