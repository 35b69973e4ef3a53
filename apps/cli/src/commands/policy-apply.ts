import type { Codec, EventLog } from '@waybill/stream';
import type { Console, OutputFormat } from '../console.ts';
import { type ExitCode, exitCodes } from '../exit.ts';
import { shortId } from '../output/text.ts';
import type { PolicySource } from '../policy/findings.ts';
import type { Plan } from '../policy/plan.ts';
import { readPolicyLog, type PolicyEvent } from '../policy/policy-log.ts';
import { PlanOutdated, publishPlan } from '../policy/publish.ts';
import type { Vault } from '../policy/vault.ts';
import { prepareFolder, printPlan, refuseErrors } from './policy-plan.ts';
import { printRemarks } from './policy-lint.ts';

export type PolicyApplyOptions = PolicySource & {
  readonly output: OutputFormat;
  readonly retireMissing: boolean;
  readonly vault: Vault;
  readonly author: string;
  readonly reason: string;
  /** As a plan said it; undefined takes the log as it is. */
  readonly base: string | undefined;
};

/**
 * Publishes what a plan says: all of it or nothing, and nothing where policies were published since.
 * @throws CliError 1 for errors in the policies, and where the log is no longer at `base`
 */
export async function applyPolicies(options: PolicyApplyOptions, log: EventLog, codec: Codec, console: Console): Promise<ExitCode> {
  const { folder, output, author, reason, base } = options;
  const prepared = await prepareFolder(options, await readPolicyLog(log, codec));
  const { plan } = prepared;
  refuseErrors(folder, prepared);
  if (base !== undefined && base !== plan.base) throw new PlanOutdated(`the plan was made against ${base}, and the log is at ${plan.base}`);
  if (output === 'table') {
    printRemarks(folder, prepared, console);
    printPlan(plan, options.vault, console);
  }
  printPublished(await publishPlan(log, codec, plan, { author, reason, atMs: Date.now() }), plan, output, console);
  return exitCodes.done;
}

/** What has come of a plan. */
export function printPublished(events: readonly PolicyEvent[], plan: Plan, output: OutputFormat, console: Console): void {
  const change = events[0]?.meta.correlationId ?? null;
  if (output === 'json')
    console.out(JSON.stringify({ ok: true, change, changes: plan.changes.map(({ kind, policyId }) => ({ kind, policyId })) }, null, 2));
  else if (change === null) console.out('nothing to publish: all of it is in force');
  else console.out(`published as change ${shortId(change)}; \`waybill policy history\` says where a rollback can go`);
}
