import { existsSync } from 'node:fs';
import { compileRulebook, findConflicts, isPolicy, type Finding, type KnownRegistry, type Unfinished } from '@waybill/policy-engine';
import { CliError, exitCodes } from '../exit.ts';
import { fileInLog, readPolicyFolder, type FileFault, type PolicyFile } from './folder.ts';

/** A fault of one policy, or a finding over several, with its place in the file of the first. */
export type PolicyRemark = FileFault & Pick<Finding, 'severity' | 'policyIds' | 'witness'> & { readonly code: string };

export type CheckedPolicies = {
  readonly files: readonly PolicyFile[];
  /** Errors first, then by file and place. */
  readonly remarks: readonly PolicyRemark[];
  readonly unfinished: readonly Unfinished[];
};

export type PolicySource = {
  readonly folder: string;
  /** `registries.yaml`; undefined: what depends on registries is not looked into. */
  readonly registriesPath: string | undefined;
  readonly env: Readonly<Record<string, string | undefined>>;
};

/**
 * Reads a folder of policies and looks at them one by one and all together.
 * @throws CliError 2 where folder or registries cannot be read
 */
export async function checkPolicies({ folder, registriesPath, env }: PolicySource): Promise<CheckedPolicies> {
  const { files, faults } = await readPolicyFolder(folder);
  const registries = await findRegistries({ registriesPath, env });
  return { files, ...checkTogether(files, faults, registries) };
}

/** What is wrong with policies taken together, beside what is wrong with those that cannot be read. */
export function checkTogether(
  files: readonly PolicyFile[],
  faults: readonly FileFault[],
  registries: readonly KnownRegistry[] | undefined,
): Pick<CheckedPolicies, 'remarks' | 'unfinished'> {
  const byId = new Map(files.map((file) => [file.document.id, file]));
  const { findings, unfinished } = findConflicts(
    files.flatMap(({ document }) => (isPolicy(document) && document.document.kind === 'ReplicationPolicy' ? [document] : [])),
    registries,
    { surroundings: compileRulebook(files.map(({ document }) => document)).replication.surroundings },
  );
  const found = findings.map(({ code, severity, policyIds, path, witness, message }): PolicyRemark => {
    const { file, placeOf } = byId.get(policyIds[0]!)!;
    return { file, ...placeOf(path), message, code, severity, policyIds, witness };
  });
  const wrong = faults.map((fault): PolicyRemark => ({
    ...fault,
    code: 'POLICY_INVALID',
    severity: 'error',
    policyIds: [],
    witness: null,
  }));
  return { remarks: [...wrong, ...found].toSorted(compareRemarks), unfinished };
}

/** What is in the log and cannot be read here. */
export const sealedRemark = (policyId: string): PolicyRemark => ({
  ...{ file: fileInLog(policyId), line: 1, column: 1, message: 'is confidential and does not open here: nothing of this is about it' },
  ...{ code: 'POLICY_SEALED', severity: 'warning', policyIds: [policyId], witness: null },
});

const compareRemarks = (a: PolicyRemark, b: PolicyRemark): number => {
  if (a.severity !== b.severity) return a.severity === 'error' ? -1 : 1;
  return a.file === b.file ? a.line - b.line || a.column - b.column : a.file < b.file ? -1 : 1;
};

/** Where registries are described unless somebody says otherwise; undefined where there is no such file. */
export function findRegistriesPath(env: PolicySource['env']): string | undefined {
  const path = `${env['CONFIG_DIR'] ?? 'config'}/registries.yaml`;
  return existsSync(path) ? path : undefined;
}

/** Undefined where no file of registries is named. @throws CliError 2 where it cannot be read */
export async function findRegistries({
  registriesPath: path,
  env,
}: Pick<PolicySource, 'registriesPath' | 'env'>): Promise<readonly KnownRegistry[] | undefined> {
  if (path === undefined) return undefined;
  const { loadRegistries } = await import('@waybill/oci');
  const { ConfigError } = await import('@waybill/config');
  try {
    return (await loadRegistries(path, env)).map(({ name, host }) => ({ name, host }));
  } catch (cause) {
    if (!(cause instanceof ConfigError)) throw cause;
    throw new CliError(exitCodes.usage, cause.message, 'Mend the file, or name another with --registries.', { cause });
  }
}
