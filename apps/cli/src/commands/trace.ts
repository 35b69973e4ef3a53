import { setTimeout as sleep } from 'node:timers/promises';
import type { Journey, Journeys, Step } from '../answers.ts';
import type { ApiClient } from '../api-client.ts';
import type { Console, OutputFormat, Style } from '../console.ts';
import { CliError, type ExitCode, exitCodes } from '../exit.ts';
import { type Column, fittingColumns, table } from '../output/table.ts';
import { clockTime, dateTime, duration, printable, shortDigests, shortId } from '../output/text.ts';

export type TraceOptions = {
  readonly output: OutputFormat;
  readonly all: boolean;
  /** Every column, however narrow the terminal is. */
  readonly wide: boolean;
  /** Asks again until nothing more will happen, at most so long; 0 asks once. */
  readonly waitMs: number;
};

const pollIntervalMs = 500;

/** Prints the journey of the newest push of an image, or of all. */
export async function trace(image: string, options: TraceOptions, api: ApiClient, terminal: Console): Promise<ExitCode> {
  const console = options.wide ? { ...terminal, columns: Infinity } : terminal;
  const { journeys } = await ask(image, options, api);
  if (options.output === 'json') console.out(JSON.stringify({ journeys }, null, 2));
  else {
    console.out(journeys.map((journey) => journeyText(journey, console)).join('\n\n'));
    const hidden = hiddenColumns(journeys, console);
    if (hidden.length > 0) console.err(console.style('dim', `Left out to fit: ${hidden.join(', ')}. --wide shows all.`));
  }
  return exitCodes.done;
}

async function ask(image: string, { all, waitMs }: TraceOptions, api: ApiClient): Promise<Journeys> {
  const deadlineMs = performance.now() + waitMs;
  for (;;) {
    const late = performance.now() >= deadlineMs;
    const answer = await api.get<Journeys>('/v1/trace', { image, all }).catch((error: unknown) => {
      if (late || !(error instanceof CliError) || error.exitCode !== exitCodes.no) throw error;
      return undefined; // Not in the log yet: that is what is waited for.
    });
    if (answer !== undefined && (late || answer.journeys[0]?.outcome.final === true)) return answer;
    await sleep(Math.min(pollIntervalMs, Math.max(0, deadlineMs - performance.now())));
  }
}

const marks: Readonly<Record<string, readonly [mark: string, style: Style]>> = {
  copied: ['✔', 'green'],
  allowed: ['✔', 'green'],
  recorded: ['✔', 'green'],
  denied: ['✖', 'red'],
  'copy-failed': ['✖', 'red'],
  superseded: ['–', 'dim'],
};

/** Head, one line per step, and at the end what came of it and why. */
export function journeyText(journey: Journey, console: Console): string {
  const { style } = console;
  const { registry, repository, tag, digest, outcome, steps, tookMs, pushedAtMs } = journey;
  const name = `${registry}/${repository}${tag === null ? '' : `:${tag}`}`;
  const head = `${style('bold', printable(name))}  ${style('dim', printable(shortDigests(digest ?? 'digest not known yet')))}`;
  const when = style(
    'dim',
    `pushed ${dateTime(pushedAtMs)} UTC, ${duration(tookMs)} from the first to the last step, journey ${shortId(journey.correlationId)}`,
  );
  const [mark, color] = marks[outcome.status] ?? ['…', 'yellow'];
  const reasons = outcome.trace
    .filter((policy) => policy.matched)
    .map((policy) =>
      style('dim', `  policy ${printable(policy.policyId)}: ${printable(policy.outcome)}, ${printable(shortDigests(policy.reason))}`),
    );
  const jobs = journey.jobs.map(({ text }) => style('yellow', `  ${printable(shortDigests(text))}`));
  return [
    head,
    when,
    '',
    table(steps, columns, console),
    '',
    style(color, `${mark} ${printable(shortDigests(outcome.text))}`),
    ...reasons,
    ...jobs,
  ].join('\n');
}

const columns: readonly Column<Step>[] = [
  { title: 'TIME', cell: ({ atMs }) => clockTime(atMs), style: () => 'dim' },
  { title: 'AFTER', cell: ({ reused, sincePreviousMs }) => (reused ? 'earlier' : `+${duration(sincePreviousMs)}`), align: 'right' },
  { title: 'STEP', cell: ({ kind }) => kind, style: ({ failed, reused }) => (failed ? 'red' : reused ? 'dim' : 'cyan') },
  { title: 'WHAT', cell: ({ text }) => shortDigests(text), flexible: 'wrap', style: ({ failed }) => (failed ? 'red' : undefined) },
  { title: 'EVENT', cell: ({ eventId }) => shortId(eventId), optional: true, style: () => 'dim' },
  { title: 'RECORD', cell: recordName, optional: true, style: () => 'dim' },
  { title: 'AUDIT', cell: ({ audit }) => (audit === null ? '-' : `${audit.partition}#${audit.seq}`), optional: true, style: () => 'dim' },
];

/** Titles of what a journey's table leaves out at this width. */
function hiddenColumns(journeys: readonly Journey[], { columns: width }: Console): readonly string[] {
  const shown = journeys.map(({ steps }) => fittingColumns(steps, columns, width));
  return columns.filter((column) => shown.some((fitting) => !fitting.includes(column))).map(({ title }) => title);
}

/** `images/3/41` for offset 41 of partition 3 of `waybill.images.v1`. */
function recordName({ topic, partition, offset }: Step): string {
  return `${topic.replace(/^waybill\.(.+)\.v1$/, '$1')}/${partition}/${offset}`;
}
