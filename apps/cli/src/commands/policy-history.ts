import type { Codec, EventLog } from '@waybill/stream';
import type { Console, OutputFormat } from '../console.ts';
import { CliError, type ExitCode, exitCodes } from '../exit.ts';
import { type Column, table } from '../output/table.ts';
import { dateTime, grouped, printable, shortId } from '../output/text.ts';
import { changesOf, kindOf, type PublishedChange } from '../policy/history.ts';
import { readPolicyLog, type PolicyEvent, type PolicyLog } from '../policy/policy-log.ts';
import type { Vault } from '../policy/vault.ts';
import { changeLines, summary } from './policy-plan.ts';

export type PolicyHistoryOptions = {
  readonly output: OutputFormat;
  /** Of this policy only, with what changed in it. */
  readonly policyId: string | undefined;
  readonly limit: number;
  readonly vault: Vault;
};

/** Says who changed policies, when, why, and what; newest first. */
export async function showHistory(
  { output, policyId, limit, vault }: PolicyHistoryOptions,
  log: EventLog,
  codec: Codec,
  console: Console,
): Promise<ExitCode> {
  const policyLog = await readPolicyLog(log, codec);
  if (policyId !== undefined) return showPolicy(policyId, { output, limit, vault }, policyLog, console);
  const changes = changesOf(policyLog).toReversed();
  const shown = changes.slice(0, limit);
  if (output === 'json') {
    const listed = shown.map(({ id, atMs, author, reason, events }) => ({ id, atMs, author, reason, changes: events.map(jsonOf) }));
    console.out(JSON.stringify({ changes: listed, leftOut: changes.length - shown.length }, null, 2));
  } else if (shown.length === 0) console.out('Nothing was ever published. `waybill policy apply` does that.');
  else {
    console.out(table(shown, columns, console));
    sayLeftOut(changes.length - shown.length, console);
  }
  return exitCodes.done;
}

const namedMax = 3;
const columns: readonly Column<PublishedChange>[] = [
  { title: 'CHANGE', cell: ({ id }) => shortId(id) },
  { title: 'AT (UTC)', cell: ({ atMs }) => dateTime(atMs), style: () => 'dim' },
  { title: 'BY', cell: ({ author }) => author },
  { title: 'WHAT', cell: whatOf },
  { title: 'WHY', cell: ({ reason }) => reason || '-', flexible: 'wrap' },
];

function whatOf({ events }: PublishedChange): string {
  if (events.length > namedMax) return summary(events.map((event) => ({ kind: kindOf(event) })));
  return events.map((event) => `${kindOf(event)} ${event.data.policyId}`).join(', ');
}

const sayLeftOut = (count: number, console: Console): void => {
  if (count > 0) console.out(`and ${grouped(count)} older ones; --limit shows more`);
};

const jsonOf = (event: PolicyEvent) => {
  const { policyId, previousSha256 } = event.data;
  const sha256 = event.type === 'PolicyPublished' ? event.data.documentSha256 : null;
  return { kind: kindOf(event), policyId, eventId: event.meta.id, previousSha256, sha256 };
};

function showPolicy(
  policyId: string,
  { output, limit, vault }: Omit<PolicyHistoryOptions, 'policyId'>,
  { events }: PolicyLog,
  console: Console,
): ExitCode {
  const own = events.filter(({ data }) => data.policyId === policyId);
  if (own.length === 0)
    throw new CliError(exitCodes.no, `no policy ${printable(policyId)} was ever published`, 'See `waybill policy list --retired`.');
  const shown = own
    .map((event, at) => ({ event, before: own[at - 1] }))
    .toReversed()
    .slice(0, limit);
  if (output === 'json') {
    const listed = shown.map(({ event }) => ({
      ...event.data,
      kind: kindOf(event),
      change: event.meta.correlationId,
      eventId: event.meta.id,
    }));
    console.out(JSON.stringify({ policyId, history: listed, leftOut: own.length - shown.length }, null, 2));
    return exitCodes.done;
  }
  for (const { event, before } of shown) console.out(entryText(event, before, vault, console));
  sayLeftOut(own.length - shown.length, console);
  return exitCodes.done;
}

function entryText(event: PolicyEvent, before: PolicyEvent | undefined, vault: Vault, console: Console): string {
  const { author, reason, previousSha256 } = event.data;
  const now = event.type === 'PolicyPublished' ? event.data : null;
  const digests = `${previousSha256?.slice(0, 12) ?? 'nothing'} -> ${now?.documentSha256.slice(0, 12) ?? 'nothing'}`;
  const kind = console.style('bold', kindOf(event));
  const head = `${shortId(event.meta.correlationId)} ${dateTime(event.meta.timeMs)} ${kind} by ${printable(author)}, ${digests}`;
  const why = reason === '' ? [] : [`  ${printable(reason)}`];
  const was = before?.type === 'PolicyPublished' ? before.data : null;
  return [head, ...why, ...changeLines({ before: was, after: now }, vault, console).map((line) => `  ${line}`)].join('\n');
}
