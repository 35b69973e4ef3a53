import type { Command } from 'commander';
import { examples, type Globals, type ProgramOptions } from '../command-line.ts';

/** `waybill policy …` */
export function addPolicy(program: Command, { console, env, onExit }: ProgramOptions): void {
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
  policy
    .command('lint')
    .description('say what is wrong with policies, by themselves and taken together: contradictions, circles of copies, what never decides')
    .argument('[folder]', 'with the policies', `${env['CONFIG_DIR'] ?? 'config'}/policies`)
    .option('--registries <file>', 'registries.yaml; that of CONFIG_DIR unless given')
    .option('--strict', 'exit with 1 for warnings too, and where something could not be looked into', false)
    .addHelpText('after', examples(['waybill policy lint', 'waybill policy lint config/policies --strict', 'waybill policy lint -o json']))
    .action(async (folder: string, { registries, strict }: { registries?: string; strict: boolean }, command: Command) => {
      const { lintPolicies } = await import('./policy-lint.ts');
      const { findRegistriesPath } = await import('../policy/findings.ts');
      const { output } = command.optsWithGlobals<Globals>();
      onExit(await lintPolicies({ output, folder, registriesPath: registries ?? findRegistriesPath(env), env, strict }, console));
    });
  policy
    .command('test')
    .description('run the cases that lie beside policies in *.test.yaml: images, what is known of them, and what is to come of it')
    .argument('[folder]', 'with policies and cases', `${env['CONFIG_DIR'] ?? 'config'}/policies`)
    .option('--strict', 'exit with 1 where no case shows what a policy decides, too', false)
    .addHelpText('after', examples(['waybill policy test', 'waybill policy test config/policies --strict', 'waybill policy test -o json']))
    .action(async (folder: string, { strict }: { strict: boolean }, command: Command) => {
      const { testPolicies } = await import('./policy-test.ts');
      onExit(await testPolicies({ output: command.optsWithGlobals<Globals>().output, folder, strict }, console));
    });
}
