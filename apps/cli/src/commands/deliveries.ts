import { Option, type Command } from 'commander';
import { examples, withLogOptions, type Globals, type LogOptions, type ProgramOptions } from '../command-line.ts';
import { integer, parseTime } from '../options.ts';
import type { Outcome } from './deliveries-list.ts';

/** `waybill deliveries …`: what came in, byte for byte, and what is made of it. */
export function addDeliveries(program: Command, options: ProgramOptions): void {
  const deliveries = program
    .command('deliveries')
    .description('webhooks as they came: what became of them, and what would today')
    .helpCommand(false);
  addList(deliveries, options);
  addShow(deliveries, options);
  addReplay(deliveries, options);
  addReparse(deliveries, options);
}

type QueryFlags = LogOptions & { readonly endpoint?: string; readonly from?: number; readonly to?: number };
const queryOf = ({ endpoint, from, to }: QueryFlags) => ({ endpoint, fromMs: from, toMs: to });

const time = 'a time with its zone, like 2026-11-20T10:00Z';
const withQuery = (command: Command): Command =>
  withLogOptions(command)
    .option('--endpoint <name>', 'what came to this endpoint only')
    .option('--from <time>', `what came from then on: ${time}`, parseTime)
    .option('--to <time>', 'what came before then', parseTime);

const withConfig = (command: Command, { env }: ProgramOptions): Command =>
  command.option('--config <folder>', 'of sources.yaml, which says how endpoints are read today', env['CONFIG_DIR'] ?? 'config');

type ReadingFlags = QueryFlags & { readonly config: string };
const load = async ({ config }: ReadingFlags, { env }: ProgramOptions) => {
  const { loadReadings } = await import('../deliveries/readings.ts');
  const { withAppender, withLog } = await import('../connect.ts');
  const readings = loadReadings(config, env);
  return { withAppender, withLog, findReading: (endpoint: string) => readings.get(endpoint) };
};

function addList(deliveries: Command, { console, onExit }: ProgramOptions): void {
  withQuery(deliveries.command('list', { isDefault: true }))
    .description('list what came in and what it became, newest first')
    .addOption(new Option('--outcome <outcome>', 'only what became so').choices(outcomes))
    .option('--limit <count>', 'at most so many', integer(1, 10_000), 50)
    .addHelpText('after', examples(listExamples))
    .action(async (flags: QueryFlags & { outcome?: Outcome; limit: number }, command: Command) => {
      const { listDeliveries } = await import('./deliveries-list.ts');
      const { withLog } = await import('../connect.ts');
      const { output } = command.optsWithGlobals<Globals>();
      const { outcome, limit } = flags;
      onExit(await withLog(flags, (log, codec) => listDeliveries({ output, outcome, limit, ...queryOf(flags) }, log, codec, console)));
    });
}

const outcomes: readonly Outcome[] = ['events', 'ignored', 'parked', 'replayed'];
const listExamples = [
  'waybill deliveries list',
  'waybill deliveries list --endpoint harbor --outcome parked',
  'waybill deliveries list --from 2026-11-20T10:00Z --to 2026-11-20T11:00Z -o json',
];
const idText = 'id of a delivery, or its place as this list or `waybill parked list` says it';

function addShow(deliveries: Command, options: ProgramOptions): void {
  const { console, onExit } = options;
  withConfig(withQuery(deliveries.command('show')), options)
    .description('show one with headers and body, what it became, and what it would become today')
    .argument('<id>', idText)
    .addHelpText('after', examples(['waybill deliveries show waybill.deliveries.v1/0/41', `waybill deliveries show ${exampleId}`]))
    .action(async (id: string, flags: ReadingFlags, command: Command) => {
      const { showDelivery } = await import('./deliveries-show.ts');
      const { withLog, findReading } = await load(flags, options);
      const { output } = command.optsWithGlobals<Globals>();
      onExit(await withLog(flags, (log, codec) => showDelivery({ output, id, ...queryOf(flags) }, { log, codec, findReading }, console)));
    });
}

const exampleId = '0b6f2c1e-52a7-8d0e-9a55-6f1c3b7a9e10';

type ReplayFlags = ReadingFlags & { readonly dryRun: boolean; readonly reason: string; readonly as: string };
const withReplay = (command: Command, options: ProgramOptions): Command =>
  withConfig(withQuery(command), options)
    .option('-n, --dry-run', 'say what would be appended, and append nothing', false)
    .option('--reason <text>', 'why: stays in the log with who asked', '')
    .option('--as <name>', 'who asks', options.env['USER'] ?? 'unknown');
const commonOf = ({ dryRun, reason, as }: ReplayFlags, command: Command) => ({
  output: command.optsWithGlobals<Globals>().output,
  isDry: dryRun,
  request: { requestedBy: as, reason, requestedAtMs: Date.now() },
});

function addReplay(deliveries: Command, options: ProgramOptions): void {
  const { console, onExit } = options;
  withReplay(deliveries.command('replay'), options)
    .description('read a stored one again and append the events that the log lacks; exit 1 where some of it still cannot be read')
    .argument('<id>', idText)
    .addHelpText('after', examples(replayExamples, replayNotes))
    .action(async (id: string, flags: ReplayFlags, command: Command) => {
      const { replayDelivery } = await import('./deliveries-replay.ts');
      const { withAppender, withLog, findReading } = await load(flags, options);
      const request = { ...commonOf(flags, command), id, ...queryOf(flags) };
      const run = withLog(flags, (log, codec) =>
        replayDelivery(
          request,
          { log, codec, findReading, append: (records) => withAppender(flags, ({ append }) => append(records)) },
          console,
        ),
      );
      onExit(await run);
    });
}

const replayExamples = [
  `waybill deliveries replay ${exampleId} --dry-run`,
  `waybill deliveries replay ${exampleId} --reason "the parser knows MSR's new event"`,
];
const replayNotes = '\nEvents keep the ids and times of the delivery: what the log holds already is not appended again.';

function addReparse(deliveries: Command, options: ProgramOptions): void {
  const { console, onExit } = options;
  withReplay(deliveries.command('reparse'), options)
    .description('do so with all that came in a range')
    .option('--limit <deliveries>', 'refuse when more lie from there to the end of the log', integer(1, 100_000_000), 100_000)
    .addHelpText('after', examples(reparseExamples, replayNotes))
    .action(async (flags: ReplayFlags & { readonly limit: number }, command: Command) => {
      const { from, to = Date.now(), endpoint, limit } = flags;
      if (from === undefined) command.error("error: required option '--from <time>' not specified");
      const { reparseDeliveries } = await import('./deliveries-replay.ts');
      const { withAppender, withLog, findReading } = await load(flags, options);
      const request = { ...commonOf(flags, command), endpoint, fromMs: from, toMs: to, offsetsMax: limit };
      const run = withLog(flags, (log, codec) =>
        withAppender(flags, ({ append }) => reparseDeliveries(request, { log, codec, findReading, append }, console)),
      );
      onExit(await run);
    });
}

const reparseExamples = [
  'waybill deliveries reparse --endpoint harbor --from 2026-11-20 --dry-run',
  'waybill deliveries reparse --endpoint harbor --from 2026-11-20T10:00Z --to 2026-11-20T11:00Z --reason "charts are told apart now"',
];
