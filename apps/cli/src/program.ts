import { Command, Option } from 'commander';
import type { NewRecord } from '@waybill/stream';
import { examples, type Globals, type LogOptions, type ProgramOptions, withLogOptions } from './command-line.ts';
import { addDeliveries } from './commands/deliveries.ts';
import { addImage } from './commands/image.ts';
import { addPolicy } from './commands/policies.ts';
import { addSources } from './commands/sources.ts';
import { integer, parseBound, parsePartitions } from './options.ts';

const exits = 'Exit codes: 0 done · 1 the answer is no · 2 wrong use · 3 cannot reach something · 70 a fault of ours · 130 interrupted';

/** The command line. Each command loads what it needs when it runs, so that `--help` and the next prompt come at once. */
export function createProgram({ console, env, onExit }: ProgramOptions): Command {
  const program = new Command('waybill')
    .description('What happened to each image, from webhook to copy.')
    .addOption(new Option('-o, --output <format>', 'how to print').choices(['table', 'json']).default('table'))
    .addOption(new Option('--api <url>', 'where the API is').env('WAYBILL_API').default('http://127.0.0.1:28090'))
    .helpCommand(false)
    .showHelpAfterError('Add --help for what can be said here.')
    .configureOutput({ writeOut: (text) => console.out(text.trimEnd()), writeErr: (text) => console.err(text.trimEnd()) })
    .exitOverride()
    .addHelpText('after', examples(['waybill trace 127.0.0.1:25001/demo/app:1.0', 'waybill status', 'waybill audit verify'], `\n${exits}`));
  const globals = (command: Command): Globals => command.optsWithGlobals<Globals>();
  const client = async (command: Command) => (await import('./api-client.ts')).createApiClient(globals(command).api);

  program
    .command('trace')
    .description('print the journey of an image: webhook, dedup, inspection, scans, decision, copies, audit')
    .argument('<image>', '[host/]repository[:tag], repository@sha256:…, or a digest alone')
    .option('-a, --all', 'older pushes too', false)
    .option('--wide', 'every column, however narrow the terminal is', false)
    .option('-w, --wait <seconds>', 'wait until nothing more will happen, at most so long', integer(0, 3_600), 0)
    .addHelpText(
      'after',
      examples(['waybill trace demo/app:1.0', 'waybill trace demo/app:1.0 --wait 30', 'waybill trace sha256:… --all -o json']),
    )
    .action(async (image: string, { all, wide, wait }: { all: boolean; wide: boolean; wait: number }, command: Command) => {
      const { trace } = await import('./commands/trace.ts');
      const { output } = globals(command);
      onExit(await trace(image, { output, all, wide, waitMs: wait * 1_000 }, await client(command), console));
    });

  program
    .command('images')
    .description('list tags with what was decided and where they are')
    .option('--registry <host>', 'of this registry only')
    .option('--repository <name>', 'of this repository only; needs --registry')
    .option('--limit <count>', 'at most so many', integer(1, 500), 50)
    .option('--cursor <cursor>', 'go on where a page ended')
    .addHelpText('after', examples(['waybill images', 'waybill images --registry 127.0.0.1:25001 --repository demo/app']))
    .action(async (options: { registry?: string; repository?: string; limit: number; cursor?: string }, command: Command) => {
      const { images } = await import('./commands/images.ts');
      const { registry, repository, limit, cursor } = options;
      onExit(await images({ output: globals(command).output, registry, repository, limit, cursor }, await client(command), console));
    });

  program
    .command('status')
    .description('show how far each group is, what lies aside, and which hosts are left alone')
    .option('--max-lag <offsets>', 'exit with 1 where a group is further behind', integer(0, Number.MAX_SAFE_INTEGER))
    .addHelpText('after', examples(['waybill status', 'waybill status --max-lag 1000 || alert']))
    .action(async ({ maxLag }: { maxLag?: number }, command: Command) => {
      const { status } = await import('./commands/status.ts');
      onExit(await status({ output: globals(command).output, lagMax: maxLag }, await client(command), console));
    });

  addImage(program, { console, env, onExit });
  addDeliveries(program, { console, env, onExit });
  addSources(program, { console, env, onExit });
  addParked(program, { console, env, onExit });
  addPolicy(program, { console, env, onExit });
  addProjection(program, { console, env, onExit });
  addRedeliver(program, { console, env, onExit });
  addAudit(program, { console, env, onExit });
  addDeploy(program, { console, env, onExit });
  return program;
}

function addParked(program: Command, { console, env, onExit }: ProgramOptions): void {
  const parked = program.command('parked').description('records and jobs that could not be processed').helpCommand(false);
  const client = async (command: Command) => (await import('./api-client.ts')).createApiClient(command.optsWithGlobals<Globals>().api);
  parked
    .command('list', { isDefault: true })
    .description('list what is parked now, newest first, with what waits behind it')
    .option('-a, --all', 'every record that was ever parked, settled or not', false)
    .option('--app <app>', 'of this app only')
    .option('--code <code>', 'with this code only')
    .option('--limit <count>', 'at most so many', integer(1, 200), 50)
    .option('--cursor <cursor>', 'go on where a page ended')
    .addHelpText('after', examples(['waybill parked list', 'waybill parked list --app policy', 'waybill parked list --all -o json']))
    .action(async (flags: { all: boolean; app?: string; code?: string; limit: number; cursor?: string }, command: Command) => {
      const { listParked } = await import('./commands/parked.ts');
      const { all, app, code, limit, cursor } = flags;
      const { output } = command.optsWithGlobals<Globals>();
      onExit(await listParked({ output, all, app, code, limit, cursor }, await client(command), console));
    });
  parked
    .command('show')
    .description('show one with its headers and bytes')
    .argument('<id>', 'topic/partition/offset or the id of a job, as the list says it')
    .addHelpText('after', examples(['waybill parked show waybill.images.v1/0/3']))
    .action(async (place: string, _options: unknown, command: Command) => {
      const { showParked } = await import('./commands/parked.ts');
      onExit(await showParked(place, { output: command.optsWithGlobals<Globals>().output }, await client(command), console));
    });
  parked
    .command('jobs')
    .description('list jobs and timers that are not parked: what is due when, such as the reviews of decisions')
    .option('--app <app>', 'of this app only')
    .option('--limit <count>', 'at most so many', integer(1, 200), 50)
    .option('--cursor <cursor>', 'go on where a page ended')
    .addHelpText('after', examples(['waybill parked jobs', 'waybill parked jobs --app policy -o json']))
    .action(async (flags: { app?: string; limit: number; cursor?: string }, command: Command) => {
      const { listJobs } = await import('./commands/parked-jobs.ts');
      const { app, limit, cursor } = flags;
      const { output } = command.optsWithGlobals<Globals>();
      onExit(await listJobs({ output, app, limit, cursor }, await client(command), console));
    });
  addParkedCommands(parked, { console, env, onExit });
}

type ParkedFlags = LogOptions & {
  readonly all: boolean;
  readonly app?: string;
  readonly code?: string;
  readonly reason?: string;
  readonly as: string;
  readonly wait: number;
};

function addParkedCommands(parked: Command, { console, env, onExit }: ProgramOptions): void {
  const described = {
    retry: 'run it again, and what waits behind it',
    drop: 'give it up, and let what waits behind it go on',
  } as const;
  const id = 'waybill.images.v1/0/3';
  const shown = {
    retry: [`waybill parked retry ${id}`, 'waybill parked retry --all --code STAGE_FAILED', `waybill parked retry ${id} --wait 0 -o json`],
    drop: [`waybill parked drop ${id} --reason "not ours"`, 'waybill parked drop --all --app gateway --reason "scanner noise"'],
  } as const;
  for (const wish of ['retry', 'drop'] as const) {
    const reason = new Option('--reason <text>', 'why: stays in the log with who asked').makeOptionMandatory(wish === 'drop');
    withLogOptions(parked.command(wish))
      .description(described[wish])
      .argument('[id]', 'topic/partition/offset or the id of a job, as the list says it')
      .option('-a, --all', 'all of an app or of a code instead', false)
      .option('--app <app>', 'of this app')
      .option('--code <code>', 'with this code')
      .addOption(reason)
      .option('--as <name>', 'who asks', env['USER'] ?? 'unknown')
      .option('-w, --wait <seconds>', 'wait so long for what comes of it', integer(0, 3_600), 30)
      .addHelpText('after', examples(shown[wish]))
      .action(async (wanted: string | undefined, flags: ParkedFlags, command: Command) => {
        if ((wanted === undefined) !== flags.all) command.error('error: say either one id or --all');
        const { commandParked } = await import('./commands/parked-command.ts');
        const { createApiClient } = await import('./api-client.ts');
        const { sendTo } = await import('./log/parked-commands.ts');
        const { output, api } = command.optsWithGlobals<Globals>();
        const { all, app, code, reason: why = '', as, wait } = flags;
        const options = { output, wish, id: wanted, all, app, code, reason: why, requestedBy: as, waitMs: wait * 1_000 };
        onExit(await commandParked(options, createApiClient(api), sendTo(flags), console));
      });
  }
}

function addProjection(program: Command, { console, env, onExit }: ProgramOptions): void {
  const projection = program.command('projection').description('versions of an app, side by side').helpCommand(false);
  const load = async () => ({ ...(await import('./commands/projection.ts')), ...(await import('./connect.ts')) });
  withLogOptions(projection.command('list', { isDefault: true }))
    .description('list which version of each app is live, since when and why')
    .addHelpText('after', examples(['waybill projection list', 'waybill projection list -o json']))
    .action(async (options: LogOptions, command: Command) => {
      const { listProjections, withLog } = await load();
      const { output } = command.optsWithGlobals<Globals>();
      onExit(await withLog(options, (log, codec) => listProjections({ output }, log, codec, console)));
    });
  withLogOptions(projection.command('prepare'))
    .description('create the topics of a version; repeatable')
    .argument('<app>', 'dedup, policy or usage')
    .argument('<version>', 'of 2 on', integer(2, 999))
    .option('--replication <count>', 'copies of every topic; 3 in production', integer(1, 10), 1)
    .addHelpText('after', examples(['waybill projection prepare dedup 2']))
    .action(async (app: string, version: number, options: LogOptions & { replication: number }, command: Command) => {
      const { prepareProjection, withLog } = await load();
      const { output } = command.optsWithGlobals<Globals>();
      const { brokers, replication } = options;
      onExit(await withLog(options, (log) => prepareProjection({ output, app, version, brokers, replication }, log, console)));
    });
  withLogOptions(projection.command('swap'))
    .description('make another version live: its events go out from where the old one ends')
    .argument('<app>', 'dedup, policy or usage')
    .requiredOption('--to <version>', 'version to make live', integer(1, 999))
    .requiredOption('--reason <text>', 'why: stays in the log with who asked')
    .option('--as <name>', 'who asks', env['USER'] ?? 'unknown')
    .option('--max-behind <records>', 'refuse when it has more to catch up with', integer(0, Number.MAX_SAFE_INTEGER), 10_000)
    .addHelpText('after', examples(['waybill projection swap dedup --to 2 --reason "counts pulls per tag"']))
    .action(async (app: string, options: SwapFlags, command: Command) => {
      const { swapProjection, withAppender, withLog } = await load();
      const { output } = command.optsWithGlobals<Globals>();
      const { to, reason, as, maxBehind } = options;
      const request = { output, app, to, reason, changedBy: as, behindMax: maxBehind };
      const send = (record: NewRecord): Promise<void> => withAppender(options, (appender) => appender.append([record]));
      onExit(await withLog(options, (log, codec) => swapProjection(request, log, codec, send, console)));
    });
}

function addRedeliver(program: Command, { console, env, onExit }: ProgramOptions): void {
  const redeliver = program
    .command('redeliver')
    .description('what an app would say of a range of the log, in a sandbox')
    .helpCommand(false);
  const load = () => import('./commands/redeliver.ts');
  const at = 'an offset, or a time like 2026-11-20T10:00Z';
  withLogOptions(redeliver.command('run', { isDefault: true }))
    .description('run an app over a range of its inputs again, apart from the live one, and compare what it says; exit 1 where it differs')
    .argument('<app>', 'dedup, inspector, policy, replicator, scanner or usage')
    .requiredOption('--from <bound>', at, parseBound)
    .option('--to <bound>', `${at}, itself not part of it; the end of what is there now unless given`, parseBound)
    .option('--input <topic>', 'of this topic only; offsets need one')
    .option('--partition <numbers>', 'of these partitions only: 3, 0-5 or 0,2,4-5', parsePartitions)
    .option('--match <key>', 'only records of this key or repository')
    .addOption(
      new Option('--state <rows>', 'rows to begin with: none, or those of the live app').choices(['empty', 'now']).default('empty'),
    )
    .option('--sandbox <name>', 'what to call it; the app and the time unless given')
    .option('--entry <file>', 'the main.ts of an app in another checkout, to run its code')
    .option('--limit <offsets>', 'refuse a longer range', integer(1, 100_000_000), 100_000)
    .option('--replication <count>', 'copies of every topic; 3 in production', integer(1, 10), 1)
    .option('--drop', 'delete the sandbox at the end', false)
    .addHelpText('after', examples(redeliverExamples))
    .action(async (app: string, flags: RedeliverFlags, command: Command) => {
      const { redeliverRange, sandboxNameOf } = await load();
      const { output } = command.optsWithGlobals<Globals>();
      const { brokers, registryUrl, entry, drop, limit, replication, partition, sandbox = sandboxNameOf(app, Date.now()) } = flags;
      const { from, to, input, match, state } = flags;
      const some = {
        ...(to && { to }),
        ...(input && { input }),
        ...(match && { match }),
        ...(partition && { partitions: [...partition] }),
      };
      const request = { sandbox, from, ...some, state, recordsMax: limit, replication };
      onExit(await redeliverRange({ output, app, brokers, registryUrl, env, entry, drops: drop, request }, console));
    });
  withLogOptions(redeliver.command('list'))
    .description('list the sandboxes that are there')
    .addHelpText('after', examples(['waybill redeliver list', 'waybill redeliver list -o json']))
    .action(async ({ brokers }: LogOptions, command: Command) => {
      const { showSandboxes } = await load();
      onExit(await showSandboxes({ output: command.optsWithGlobals<Globals>().output, brokers }, console));
    });
  withLogOptions(redeliver.command('drop'))
    .description('delete the topics and groups of a sandbox')
    .argument('<sandbox>', 'as the list says it')
    .addHelpText('after', examples(['waybill redeliver drop try-1']))
    .action(async (sandbox: string, { brokers }: LogOptions, command: Command) => {
      const { removeSandbox } = await load();
      onExit(await removeSandbox({ output: command.optsWithGlobals<Globals>().output, brokers, sandbox }, console));
    });
}

const redeliverExamples = [
  'waybill redeliver policy --from 2026-11-20T10:00Z --to 2026-11-20T11:00Z',
  'waybill redeliver policy --from 2026-11-20 --match demo/app --state now',
  'waybill redeliver dedup --from 1200 --to 1300 --partition 2 --sandbox try-1',
  'waybill redeliver dedup --from 0 --entry ../candidate/apps/dedup/src/main.ts --drop -o json',
];

function addAudit(program: Command, { console, onExit }: ProgramOptions): void {
  const audit = program.command('audit').description('the hash chain over everything that happened').helpCommand(false);
  withLogOptions(audit.command('verify'))
    .description('prove from the log itself that nothing was changed, lost or added')
    .option('--partition <numbers>', 'of these partitions only: 3, 0-5 or 0,2,4-5', parsePartitions)
    .addHelpText('after', examples(['waybill audit verify', 'waybill audit verify --partition 0-2 -o json']))
    .action(async (options: LogOptions & { partition?: readonly number[] }, command: Command) => {
      const { verify } = await import('./commands/audit.ts');
      const { withLog } = await import('./connect.ts');
      const { output } = command.optsWithGlobals<Globals>();
      onExit(await withLog(options, (log, codec) => verify({ output, partitions: options.partition }, log, codec, console)));
    });
}

function addDeploy(program: Command, { console, env, onExit }: ProgramOptions): void {
  const folder = `${env['CONFIG_DIR'] ?? 'config'}/policies`;
  withLogOptions(program.command('deploy'))
    .description('create topics, register schemas, publish policies; repeatable')
    .option('--partitions <count>', 'of every topic; can never be changed', integer(1, 1_000), 6)
    .option('--replication <count>', 'copies of every topic; 3 in production', integer(1, 10), 1)
    .option('--policies <folder>', 'policies to be in force, and no others', folder)
    .option('--no-policies', 'leave those in force as they are')
    .option('--author <name>', 'who publishes the policies', env['USER'] ?? 'unknown')
    .option('--reason <why>', 'why, for their history', 'waybill deploy')
    .option('--key-file <file>', 'with the keys of confidential policies', env['POLICY_KEY_FILE'])
    .addHelpText(
      'after',
      examples(['waybill deploy', 'waybill deploy --policies config/policies --author ci', 'waybill deploy --no-policies']),
    )
    .action(async (options: DeployFlags, command: Command) => {
      const { deploy } = await import('./commands/deploy.ts');
      const { findRegistriesPath } = await import('./policy/findings.ts');
      const { openVault } = await import('./policy/vault.ts');
      const { policies: folder, keyFile, ...flags } = options;
      const policies = folder === false ? undefined : { folder, registriesPath: findRegistriesPath(env), env };
      onExit(
        await deploy({ ...flags, vault: await openVault(keyFile), output: command.optsWithGlobals<Globals>().output, policies }, console),
      );
    });
}

type SwapFlags = LogOptions & { readonly to: number; readonly reason: string; readonly as: string; readonly maxBehind: number };
type RedeliverFlags = LogOptions & {
  readonly from: ReturnType<typeof parseBound>;
  readonly to?: ReturnType<typeof parseBound>;
  readonly input?: string;
  readonly partition?: readonly number[];
  readonly match?: string;
  readonly state: 'empty' | 'now';
  readonly sandbox?: string;
  readonly entry?: string;
  readonly limit: number;
  readonly replication: number;
  readonly drop: boolean;
};
type DeployFlags = LogOptions & {
  readonly partitions: number;
  readonly replication: number;
  readonly policies: string | false;
  readonly author: string;
  readonly reason: string;
  readonly keyFile?: string;
};
