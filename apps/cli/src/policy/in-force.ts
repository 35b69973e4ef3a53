import { compileRulebook, type Rulebook } from '@waybill/policy-engine';
import { CliError, exitCodes } from '../exit.ts';
import { printable } from '../output/text.ts';
import { documentsInForce } from './history.ts';
import type { PolicyLog } from './policy-log.ts';
import type { Vault } from './vault.ts';

/**
 * What is in force, for a proposal that rests on all documents whose ids begin so: one that cannot be read may be the one that forbids it.
 * @param idPrefixes `retention/` for RetentionPolicy documents, and so on; '' for all
 * @throws CliError 1 where one of these does not open here, or is broken
 */
export function rulebookInForce(policyLog: PolicyLog, vault: Vault, idPrefixes: readonly string[]): Rulebook {
  for (const { data } of policyLog.inForce.values()) {
    if (!idPrefixes.some((prefix) => data.policyId.startsWith(prefix))) continue;
    const read = vault.read(data);
    if (read === 'sealed')
      throw unknown(data.policyId, 'is confidential and does not open here', 'Name the file of its key with --key-file.');
    if ('faults' in read) {
      const next = 'Publish a corrected one with `waybill policy apply`, or retire it.';
      throw unknown(data.policyId, `is not valid: ${read.faults[0]?.message ?? ''}`, next);
    }
  }
  return compileRulebook(documentsInForce(policyLog, vault));
}

const unknown = (policyId: string, why: string, next: string): CliError =>
  new CliError(exitCodes.no, printable(`${policyId} ${why}: what it says is not known, so nothing is proposed`), next);
