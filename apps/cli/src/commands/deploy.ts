import { deploy as deployTo, type DeployOptions as Deployment } from '@waybill/kafka';
import type { Codec, EventLog } from '@waybill/stream';
import { withLog } from '../connect.ts';
import type { Console, OutputFormat } from '../console.ts';
import { CliError, type ExitCode, exitCodes } from '../exit.ts';
import { checkPolicies, type CheckedPolicies, type PolicySource } from '../policy/findings.ts';
import { planOf } from '../policy/plan.ts';
import { readPolicyLog } from '../policy/policy-log.ts';
import { PlanOutdated, publishPlan } from '../policy/publish.ts';
import type { Vault } from '../policy/vault.ts';
import { addressOf, requireListening } from '../reach.ts';
import { printRemarks } from './policy-lint.ts';
import { refuseErrors } from './policy-plan.ts';

export type DeployOptions = {
  readonly output: OutputFormat;
  readonly brokers: readonly string[];
  readonly registryUrl: string;
  readonly partitions: number;
  readonly replication: number;
  readonly author: string;
  readonly reason: string;
  readonly vault: Vault;
  /** Undefined leaves those in force as they are. */
  readonly policies: PolicySource | undefined;
};

/** Makes the log ready for the apps: topics, schemas, policies. Repeatable. Policies are checked before anything is changed. */
export async function deploy(options: DeployOptions, console: Console, run = deployTo): Promise<ExitCode> {
  const { output, brokers, registryUrl, partitions, replication } = options;
  const policies = options.policies && (await policiesToPublish(options.policies, console));
  await requireListening('Kafka', brokers, 'Start it with `npm start`, or say where it is with --brokers or KAFKA_BROKERS.');
  const next = 'Start it with `npm start`, or say where it is with --registry-url or SCHEMA_REGISTRY_URL.';
  await requireListening('the schema registry', [addressOf(registryUrl)], next);
  const lines: string[] = [];
  const onProgress = (line: string): void => {
    lines.push(line);
    if (output === 'table') console.out(line);
  };
  const deployment: Deployment = { brokers, registryUrl, partitions, replication, onProgress };
  try {
    await run(deployment);
  } catch (cause) {
    throw asCliError(cause);
  }
  if (policies !== undefined) onProgress(await withLog(options, (log, codec) => publishAll(options, policies, log, codec)));
  if (output === 'json') console.out(JSON.stringify({ ok: true, done: lines }, null, 2));
  return exitCodes.done;
}

const triesMax = 5;

/** Has the files in force, and nothing else, whatever was before and whoever publishes at the same time. */
async function publishAll(
  { author, reason, vault }: DeployOptions,
  { files }: CheckedPolicies,
  log: EventLog,
  codec: Codec,
): Promise<string> {
  for (let tries = 1; ; tries++) {
    const policyLog = await readPolicyLog(log, codec);
    const texts = files.map((file) => vault.publishable(file, policyLog.inForce.get(file.text.policyId)?.data));
    const plan = planOf(policyLog, texts, { retiresMissing: true });
    try {
      await publishPlan(log, codec, plan, { author, reason, atMs: Date.now() });
    } catch (error) {
      if (!(error instanceof PlanOutdated) || tries === triesMax) throw error;
      continue;
    }
    const retired = plan.changes.filter(({ kind }) => kind === 'retired').length;
    return `policies: ${plan.changes.length - retired} published, ${retired} retired, ${texts.length} in force`;
  }
}

/**
 * All policies of a folder, or none: with an error in one of them, or between them, nothing is published. Warnings are shown.
 * @throws CliError 1 with every error of every file
 */
async function policiesToPublish(source: PolicySource, console: Console): Promise<CheckedPolicies> {
  const checked = await checkPolicies(source);
  refuseErrors(source.folder, checked);
  printRemarks(source.folder, checked, console);
  return checked;
}

/** What listens may still not answer: a broker that is just starting, or one that is going. Anything else is a no. */
export function asCliError(cause: unknown): CliError {
  const { name = '', code = '', message = String(cause) } = cause as { name?: string; code?: string; message?: string };
  const away = code === 'LOG_UNAVAILABLE' || /^KafkaJS(Connection|NumberOfRetries|RequestTimeout|BrokerNotFound)/.test(name);
  if (away)
    return new CliError(
      exitCodes.unreachable,
      `Kafka does not answer: ${message}`,
      'Wait until it has started, then repeat: what is done is kept.',
      { cause },
    );
  return new CliError(exitCodes.no, message, 'Nothing that was there before was changed. Mend it, then repeat: what is done is kept.', {
    cause,
  });
}
