import type { Codec, EventLog } from '@waybill/stream';
import type { Console, OutputFormat } from '../console.ts';
import { CliError, type ExitCode, exitCodes } from '../exit.ts';
import { printable } from '../output/text.ts';
import { findRegistries, type PolicySource } from '../policy/findings.ts';
import { findStateAt } from '../policy/history.ts';
import { planOf, type Plan } from '../policy/plan.ts';
import { policyLogOf, readPolicyLog, type PolicyLog } from '../policy/policy-log.ts';
import { prepare } from '../policy/prepare.ts';
import { publishPlan } from '../policy/publish.ts';
import type { Vault } from '../policy/vault.ts';
import { printPublished } from './policy-apply.ts';
import { printRemarks } from './policy-lint.ts';
import { printPlan, refuseErrors } from './policy-plan.ts';

export type PolicyRollbackOptions = Omit<PolicySource, 'folder'> & {
  readonly output: OutputFormat;
  /** Undefined: all policies. */
  readonly policyId: string | undefined;
  /** As `findStateAt` takes it; undefined: before the last change of the policy. */
  readonly to: string | undefined;
  readonly author: string;
  readonly reason: string;
  /** Shows what would be published, and publishes nothing. */
  readonly dryRun: boolean;
  readonly vault: Vault;
};

/**
 * Publishes again what was in force before, as new events: what was said in between stays in the log.
 * @throws CliError 1 where it never was so, where the policies of then are not valid today, or where others publish meanwhile; 2
 *   where neither a policy nor a state is named
 */
export async function rollBack(options: PolicyRollbackOptions, log: EventLog, codec: Codec, console: Console): Promise<ExitCode> {
  const { output, dryRun, author, reason, vault } = options;
  const policyLog = await readPolicyLog(log, codec);
  const plan = planBack(policyLog, options);
  const prepared = prepare(policyLog, plan, { files: [], faults: [], registries: await findRegistries(options), vault });
  refuseErrors('.', prepared);
  if (output === 'table') {
    printRemarks('.', prepared, console);
    printPlan(plan, vault, console);
  } else if (dryRun) console.out(JSON.stringify({ ok: true, ...plan }, null, 2));
  if (!dryRun) printPublished(await publishPlan(log, codec, plan, { author, reason, atMs: Date.now() }), plan, output, console);
  return exitCodes.done;
}

function planBack(log: PolicyLog, { policyId, to, vault }: Pick<PolicyRollbackOptions, 'policyId' | 'to' | 'vault'>): Plan {
  if (policyId === undefined && to === undefined)
    throw new CliError(
      exitCodes.usage,
      'neither a policy nor a state is named',
      'Name a policy, or a state with --to; `waybill policy history` lists them.',
    );
  const then = to === undefined ? undefined : findStateAt(log, to, vault);
  if (to !== undefined && then === undefined)
    throw new CliError(
      exitCodes.no,
      `the policies never were at ${printable(to)}`,
      'Give a change of `waybill policy history`, a version that a decision names, or a time like 2026-11-20T10:00Z.',
    );
  if (policyId === undefined)
    return planOf(
      log,
      [...then!.inForce.values()].map(({ data }) => data),
      { retiresMissing: true },
    );
  const newest = log.newest.get(policyId);
  if (newest === undefined)
    throw new CliError(exitCodes.no, `no policy ${printable(policyId)} was ever published`, 'See `waybill policy list --retired`.');
  const { inForce } = then ?? policyLogOf(log.events.filter(({ meta }) => meta.id !== newest.meta.id));
  const [now, wanted] = [log.inForce.get(policyId), inForce.get(policyId)];
  const alone = { base: log.base, inForce: new Map(now === undefined ? [] : [[policyId, now]]) };
  return planOf(alone, wanted === undefined ? [] : [wanted.data], { retiresMissing: true });
}
