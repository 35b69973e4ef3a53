import type { ProgramOptions } from '../command-line.ts';
import type { PolicySource } from '../policy/findings.ts';

/** Where policies are unless somebody says otherwise. */
export const folderOf = (env: ProgramOptions['env']): string => `${env['CONFIG_DIR'] ?? 'config'}/policies`;

export const keyOption = (env: ProgramOptions['env']) =>
  ['--key-file <file>', 'with the keys of confidential policies; POLICY_KEY_FILE unless given', env['POLICY_KEY_FILE']] as const;
export const vaultOf = async (keyFile: string | undefined) => (await import('../policy/vault.ts')).openVault(keyFile);

export const registriesOption = ['--registries <file>', 'registries.yaml; that of CONFIG_DIR unless given'] as const;
export const retireMissing = ['--retire-missing', 'retire what is in force and not in the folder', false] as const;

export async function sourceOf(folder: string, registries: string | undefined, env: ProgramOptions['env']): Promise<PolicySource> {
  const { findRegistriesPath } = await import('../policy/findings.ts');
  return { folder, registriesPath: registries ?? findRegistriesPath(env), env };
}
