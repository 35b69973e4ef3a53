import { InvalidArgumentError, type Command } from 'commander';
import { examples, type Globals, type LogOptions, type ProgramOptions, withLogOptions } from '../command-line.ts';
import { integer, parseTime } from '../options.ts';
import { folderOf, keyOption, registriesOption, retireMissing, sourceOf, vaultOf } from './policy-options.ts';

type StartFlags = LogOptions & {
  readonly reason: string;
  readonly author: string;
  readonly candidate: string;
  readonly registries?: string;
  readonly retireMissing: boolean;
  readonly keyFile?: string;
};

type ReportFlags = LogOptions & { readonly since?: number; readonly limit: number; readonly keyFile?: string };

const load = async () => ({ ...(await import('./policy-shadow.ts')), ...(await import('../connect.ts')) });

/** `waybill policy shadow …` */
export function addShadow(policy: Command, options: ProgramOptions): void {
  const shadow = policy
    .command('shadow')
    .description('a candidate beside the policies in force: what it would decide is compared, and never carried out')
    .helpCommand(false);
  addStart(shadow, options);
  addReads(shadow, options);
  const { console, env, onExit } = options;
  withLogOptions(shadow.command('stop'))
    .description('end the candidate')
    .requiredOption('--reason <why>', 'why: stays in the log with who asked')
    .option('--author <name>', 'who asks', env['USER'] ?? 'unknown')
    .addHelpText('after', examples(['waybill policy shadow stop --reason "in force since today"']))
    .action(async (flags: LogOptions & { readonly reason: string; readonly author: string }, command: Command) => {
      const { stopShadow, withLog } = await load();
      const { output } = command.optsWithGlobals<Globals>();
      const { reason, author } = flags;
      onExit(await withLog(flags, (log, codec) => stopShadow({ output, reason, author }, log, codec, console)));
    });
}

function addStart(shadow: Command, { console, env, onExit }: ProgramOptions): void {
  withLogOptions(shadow.command('start'))
    .description('have what applying a folder would change decided beside what is in force, from now on and for all tags that there are')
    .argument('[folder]', 'with the policies', folderOf(env))
    .requiredOption('--reason <why>', 'why: stays in the log with who asked')
    .option('--author <name>', 'who asks', env['USER'] ?? 'unknown')
    .option('--candidate <name>', 'what to call it; one that runs under this name is replaced', parseCandidate, 'next')
    .option(...registriesOption)
    .option(...retireMissing)
    .option(...keyOption(env))
    .addHelpText(
      'after',
      examples([
        'waybill policy shadow start --reason "scan daily: whom does it hit?"',
        'waybill policy shadow start next/policies --retire-missing --candidate spring --reason "the new set"',
      ]),
    )
    .action(async (folder: string, { registries, keyFile, ...flags }: StartFlags, command: Command) => {
      const { startShadow, withLog } = await load();
      const { output } = command.optsWithGlobals<Globals>();
      const asked = { ...flags, ...(await sourceOf(folder, registries, env)), output, vault: await vaultOf(keyFile) };
      onExit(await withLog(flags, (log, codec) => startShadow(asked, log, codec, console)));
    });
}

function addReads(shadow: Command, { console, env, onExit }: ProgramOptions): void {
  withLogOptions(shadow.command('status', { isDefault: true }))
    .description('say which candidate runs, what it would change by now, and how far it was compared; exit 1 where none runs')
    .option(...keyOption(env))
    .addHelpText('after', examples(['waybill policy shadow status', 'waybill policy shadow status -o json']))
    .action(async ({ keyFile, ...flags }: LogOptions & { readonly keyFile?: string }, command: Command) => {
      const { showShadow, withLog } = await load();
      const { output } = command.optsWithGlobals<Globals>();
      const vault = await vaultOf(keyFile);
      onExit(await withLog(flags, (log, codec) => showShadow({ output, vault }, log, codec, console)));
    });
  withLogOptions(shadow.command('report'))
    .description('say where it decides otherwise now, how often and why; exit 1 where none runs')
    .option('--since <time>', 'only what was told since, like 2026-11-20T10:00Z', parseTime)
    .option('--limit <count>', 'list at most so many', integer(0, 10_000), 20)
    .option(...keyOption(env))
    .addHelpText(
      'after',
      examples([
        'waybill policy shadow report',
        'waybill policy shadow report --since 2026-11-20 --limit 100',
        'waybill policy shadow report -o json',
      ]),
    )
    .action(async ({ since: sinceMs, limit, keyFile, ...flags }: ReportFlags, command: Command) => {
      const { reportShadow, withLog } = await load();
      const { output } = command.optsWithGlobals<Globals>();
      const asked = { output, sinceMs, limit, vault: await vaultOf(keyFile) };
      onExit(await withLog(flags, (log, codec) => reportShadow(asked, log, codec, console)));
    });
}

function parseCandidate(text: string): string {
  if (/^[a-z0-9][a-z0-9-]{0,62}$/.test(text)) return text;
  throw new InvalidArgumentError('write at most 63 of a-z, 0-9 and dashes');
}
