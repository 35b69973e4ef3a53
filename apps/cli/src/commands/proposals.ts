import type { Command } from 'commander';
import { examples, type Globals, type LogOptions, type ProgramOptions, withLogOptions } from '../command-line.ts';
import { amount, integer } from '../options.ts';
import { keyOption, vaultOf } from './policy-options.ts';

type Flags = LogOptions & { readonly keyFile?: string; readonly running?: string; readonly limit: number };
type RetentionFlags = Flags & { readonly registry?: string; readonly kept: boolean };

const runningOption = [
  '--running <file>',
  'of images that run, one per line; - for standard input. Without: nothing is known to be unused',
] as const;

/** What policies would do that nobody does by itself: `waybill policy retention` and its like. */
export function addProposals(policy: Command, { console, env, onExit }: ProgramOptions): void {
  withLogOptions(policy.command('retention'))
    .description('say what the retention policies in force would delete now, and why; nothing is deleted')
    .argument('[repositories...]', 'names or globs, below the host; all unless given')
    .option('--registry <host>', 'of this registry only')
    .option(...runningOption)
    .option('--kept', 'list what stays, too, and why', false)
    .option('--limit <count>', 'list at most so many', integer(1, 1_000_000), 100)
    .option(...keyOption(env))
    .addHelpText(
      'after',
      examples([
        "kubectl get pods -A -o jsonpath='{.items[*].status.containerStatuses[*].imageID}' | tr ' ' '\\n' > running.txt",
        'waybill policy retention --running running.txt',
        "waybill policy retention 'shop/**' --registry a.example.com --running running.txt --kept -o json",
      ]),
    )
    .action(async (repositories: readonly string[], { keyFile, ...flags }: RetentionFlags, command: Command) => {
      const { showRetention } = await import('./policy-retention.ts');
      const { withLog } = await import('../connect.ts');
      const { output } = command.optsWithGlobals<Globals>();
      const { registry, running, kept, limit } = flags;
      const asked = { output, repositories, registry, running, kept, limit, vault: await vaultOf(keyFile) };
      onExit(await withLog(flags, (log, codec) => showRetention(asked, log, codec, console)));
    });
  withLogOptions(policy.command('cleanup'))
    .description('say which copies to delete so that a tenant is under its quota again; nothing is deleted. Exit 1 where that cannot be')
    .argument('<tenant>', 'as its Tenant document is called')
    .option(...runningOption)
    .option('--limit <count>', 'list at most so many', integer(1, 1_000_000), 100)
    .option(...keyOption(env))
    .addHelpText('after', examples(['waybill policy cleanup shop --running running.txt', 'waybill policy cleanup shop -o json']))
    .action(async (tenant: string, { keyFile, ...flags }: Flags, command: Command) => {
      const { showCleanup } = await import('./policy-cleanup.ts');
      const { withLog } = await import('../connect.ts');
      const { output } = command.optsWithGlobals<Globals>();
      const asked = { output, tenant, running: flags.running, limit: flags.limit, vault: await vaultOf(keyFile) };
      onExit(await withLog(flags, (log, codec) => showCleanup(asked, log, codec, console)));
    });
  withLogOptions(policy.command('usage'))
    .description('say what tenants have of what they may have, and what registries hold')
    .argument('[tenant]', 'of this one only')
    .option(...keyOption(env))
    .addHelpText('after', examples(['waybill policy usage', 'waybill policy usage shop -o json']))
    .action(async (tenant: string | undefined, { keyFile, ...flags }: LogOptions & { readonly keyFile?: string }, command: Command) => {
      const { showUsage } = await import('./policy-usage.ts');
      const { withLog } = await import('../connect.ts');
      const asked = { output: command.optsWithGlobals<Globals>().output, tenant, vault: await vaultOf(keyFile) };
      onExit(await withLog(flags, (log, codec) => showUsage(asked, log, codec, console)));
    });
  addMoves(policy, { console, env, onExit });
}

type MovesFlags = Omit<Flags, 'running'> & { readonly above: number; readonly payback: number; readonly images: number };

function addMoves(policy: Command, { console, env, onExit }: ProgramOptions): void {
  withLogOptions(policy.command('moves'))
    .description('say which copies to drop, add or move so that storing and pulling images costs less; nothing is moved')
    .option('--above <amount>', 'leave alone what costs less in a month, in the currency of Registry documents', amount, 0)
    .option('--payback <months>', 'within which a move has to pay for itself', integer(1, 120), 6)
    .option('--images <count>', 'look at the newest so many tags', integer(1, 1_000_000), 100_000)
    .option('--limit <count>', 'list at most so many', integer(1, 100_000), 100)
    .option(...keyOption(env))
    .addHelpText('after', examples(['waybill policy moves', 'waybill policy moves --above 50 --payback 12 -o json']))
    .action(async ({ keyFile, ...flags }: MovesFlags, command: Command) => {
      const { showMoves } = await import('./policy-moves.ts');
      const { withLog } = await import('../connect.ts');
      const { output } = command.optsWithGlobals<Globals>();
      const { above, payback: paybackMonths, images, limit } = flags;
      const asked = { output, above, paybackMonths, images, limit, vault: await vaultOf(keyFile) };
      onExit(await withLog(flags, (log, codec) => showMoves(asked, log, codec, console)));
    });
}
