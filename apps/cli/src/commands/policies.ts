import type { Command } from 'commander';
import { examples, type Globals, type LogOptions, type ProgramOptions, withLogOptions } from '../command-line.ts';
import { integer } from '../options.ts';
import { folderOf, keyOption, registriesOption, retireMissing, sourceOf, vaultOf } from './policy-options.ts';
import { addProposals } from './proposals.ts';
import { addShadow } from './shadow.ts';

/** `waybill policy …` */
export function addPolicy(program: Command, options: ProgramOptions): void {
  const { console, onExit } = options;
  const policy = program.command('policy').description('what decides where images go').helpCommand(false);
  policy
    .command('list', { isDefault: true })
    .description('list the policies in force')
    .option('--retired', 'those no longer in force too', false)
    .addHelpText('after', examples(['waybill policy list', 'waybill policy list --retired -o json']))
    .action(async ({ retired }: { retired: boolean }, command: Command) => {
      const { listPolicies } = await import('./policy.ts');
      const { createApiClient } = await import('../api-client.ts');
      const { output, api } = command.optsWithGlobals<Globals>();
      onExit(await listPolicies({ output, retired }, createApiClient(api), console));
    });
  addChecks(policy, options);
  addChanges(policy, options);
  addHistory(policy, options);
  addShadow(policy, options);
  addProposals(policy, options);
}

/** What needs nothing but files. */
function addChecks(policy: Command, { console, env, onExit }: ProgramOptions): void {
  policy
    .command('lint')
    .description('say what is wrong with policies, by themselves and taken together: contradictions, circles of copies, what never decides')
    .argument('[folder]', 'with the policies', folderOf(env))
    .option(...registriesOption)
    .option('--strict', 'exit with 1 for warnings too, and where something could not be looked into', false)
    .addHelpText('after', examples(['waybill policy lint', 'waybill policy lint config/policies --strict', 'waybill policy lint -o json']))
    .action(async (folder: string, { registries, strict }: { registries?: string; strict: boolean }, command: Command) => {
      const { lintPolicies } = await import('./policy-lint.ts');
      const { output } = command.optsWithGlobals<Globals>();
      onExit(await lintPolicies({ output, strict, ...(await sourceOf(folder, registries, env)) }, console));
    });
  policy
    .command('test')
    .description('run the cases that lie beside policies in *.test.yaml: images, what is known of them, and what is to come of it')
    .argument('[folder]', 'with policies and cases', folderOf(env))
    .option('--strict', 'exit with 1 where no case shows what a policy decides, too', false)
    .addHelpText('after', examples(['waybill policy test', 'waybill policy test config/policies --strict', 'waybill policy test -o json']))
    .action(async (folder: string, { strict }: { strict: boolean }, command: Command) => {
      const { testPolicies } = await import('./policy-test.ts');
      onExit(await testPolicies({ output: command.optsWithGlobals<Globals>().output, folder, strict }, console));
    });
}

type KeyFlags = LogOptions & { readonly keyFile?: string };
type PlanFlags = KeyFlags & { readonly registries?: string; readonly retireMissing: boolean; readonly images: number };
type ApplyFlags = Omit<PlanFlags, 'images'> & { readonly author: string; readonly reason: string; readonly base?: string };

/** What changes the log, or says what would change. */
function addChanges(policy: Command, { console, env, onExit }: ProgramOptions): void {
  withLogOptions(policy.command('plan'))
    .description('say what applying a folder would change, and which of the images that are known now would be decided otherwise')
    .argument('[folder]', 'with the policies', folderOf(env))
    .option(...registriesOption)
    .option(...retireMissing)
    .option(...keyOption(env))
    .option('--images <count>', 'decide the newest so many tags anew, 0 for none', integer(0, 1_000_000), 100_000)
    .addHelpText('after', examples(['waybill policy plan', 'waybill policy plan config/policies --retire-missing -o json']))
    .action(async (folder: string, { registries, keyFile, ...flags }: PlanFlags, command: Command) => {
      const { planPolicies } = await import('./policy-plan.ts');
      const { withLog } = await import('../connect.ts');
      const { output } = command.optsWithGlobals<Globals>();
      const asked = { ...flags, ...(await sourceOf(folder, registries, env)), output, vault: await vaultOf(keyFile) };
      onExit(await withLog(flags, (log, codec) => planPolicies(asked, log, codec, console)));
    });
  withLogOptions(policy.command('apply'))
    .description('publish the policies of a folder: all of what a plan says, or nothing')
    .argument('[folder]', 'with the policies', folderOf(env))
    .requiredOption('--reason <why>', 'why, for their history')
    .option('--author <name>', 'who publishes them', env['USER'] ?? 'unknown')
    .option('--base <base>', 'refuse where the log is no longer as a plan says that it was')
    .option(...registriesOption)
    .option(...retireMissing)
    .option(...keyOption(env))
    .addHelpText(
      'after',
      examples(['waybill policy apply --reason "scan daily"', 'waybill policy apply --base 4f3a09c2d1e8 --reason "scan daily"']),
    )
    .action(async (folder: string, { registries, base, keyFile, ...flags }: ApplyFlags, command: Command) => {
      const { applyPolicies } = await import('./policy-apply.ts');
      const { withLog } = await import('../connect.ts');
      const { output } = command.optsWithGlobals<Globals>();
      const asked = { ...flags, ...(await sourceOf(folder, registries, env)), output, base, vault: await vaultOf(keyFile) };
      onExit(await withLog(flags, (log, codec) => applyPolicies(asked, log, codec, console)));
    });
}

type RollbackFlags = KeyFlags & {
  readonly to?: string;
  readonly reason: string;
  readonly author: string;
  readonly registries?: string;
  readonly dryRun: boolean;
};

function addHistory(policy: Command, { console, env, onExit }: ProgramOptions): void {
  withLogOptions(policy.command('history'))
    .description('say who changed policies, when and why; of one policy, what changed in it')
    .argument('[policy]', 'of this one only')
    .option('--limit <count>', 'at most so many', integer(1, 10_000), 50)
    .option(...keyOption(env))
    .addHelpText('after', examples(['waybill policy history', 'waybill policy history prod', 'waybill policy history prod -o json']))
    .action(async (policyId: string | undefined, { limit, keyFile, ...flags }: KeyFlags & { limit: number }, command: Command) => {
      const { showHistory } = await import('./policy-history.ts');
      const { withLog } = await import('../connect.ts');
      const { output } = command.optsWithGlobals<Globals>();
      const asked = { output, policyId, limit, vault: await vaultOf(keyFile) };
      onExit(await withLog(flags, (log, codec) => showHistory(asked, log, codec, console)));
    });
  withLogOptions(policy.command('explain'))
    .description('make a decision again from the log alone, and say of each policy why it spoke or kept silent')
    .argument('<decision>', 'an image, for its newest decision; an event; or a record, as decisions/3/41')
    .option('--policies <count>', 'tell of at most so many', integer(1, 10_000), 20)
    .option(...keyOption(env))
    .addHelpText('after', examples(['waybill policy explain 127.0.0.1:25001/demo/app:v1', 'waybill policy explain decisions/3/41 -o json']))
    .action(async (decision: string, { policies, keyFile, ...flags }: KeyFlags & { policies: number }, command: Command) => {
      const { explainDecision } = await import('./policy-explain.ts');
      const { withLog } = await import('../connect.ts');
      const { output } = command.optsWithGlobals<Globals>();
      const asked = { output, decision, policiesMax: policies, vault: await vaultOf(keyFile) };
      onExit(await withLog(flags, (log, codec) => explainDecision(asked, log, codec, console)));
    });
  withLogOptions(policy.command('rollback'))
    .description('publish again what was in force before')
    .argument('[policy]', 'this one only; without --to, as it was before its last change')
    .option('--to <state>', 'a change of the history, a version that a decision names, or a time like 2026-11-20T10:00Z')
    .requiredOption('--reason <why>', 'why, for their history')
    .option('--author <name>', 'who publishes them', env['USER'] ?? 'unknown')
    .option(...registriesOption)
    .option(...keyOption(env))
    .option('--dry-run', 'only say what would be published', false)
    .addHelpText(
      'after',
      examples([
        'waybill policy rollback prod --reason "refuses too much"',
        'waybill policy rollback --to 4f3a09c2 --reason "refuses too much" --dry-run',
      ]),
    )
    .action(async (policyId: string | undefined, { registries, to, keyFile, ...flags }: RollbackFlags, command: Command) => {
      const { rollBack } = await import('./policy-rollback.ts');
      const { withLog } = await import('../connect.ts');
      const { registriesPath } = await sourceOf('', registries, env);
      const vault = await vaultOf(keyFile);
      const asked = { ...flags, output: command.optsWithGlobals<Globals>().output, env, registriesPath, policyId, to, vault };
      onExit(await withLog(flags, (log, codec) => rollBack(asked, log, codec, console)));
    });
}
