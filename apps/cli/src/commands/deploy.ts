import { deploy as deployTo, type DeployOptions as Deployment, type PolicyDocument } from '@waybill/kafka';
import type { Console, OutputFormat } from '../console.ts';
import { CliError, type ExitCode, exitCodes } from '../exit.ts';
import { placedInFile } from '../policy/folder.ts';
import { checkPolicies, type PolicySource } from '../policy/findings.ts';
import { addressOf, requireListening } from '../reach.ts';
import { printRemarks } from './policy-lint.ts';

export type DeployOptions = {
  readonly output: OutputFormat;
  readonly brokers: readonly string[];
  readonly registryUrl: string;
  readonly partitions: number;
  readonly replication: number;
  readonly author: string;
  /** Undefined leaves those in force as they are. */
  readonly policies: PolicySource | undefined;
};

/** Makes the log ready for the apps: topics, schemas, policies. Repeatable. Policies are checked before anything is changed. */
export async function deploy(options: DeployOptions, console: Console, run = deployTo): Promise<ExitCode> {
  const { output, brokers, registryUrl, partitions, replication, author } = options;
  const policies = options.policies && (await policiesToPublish(options.policies, console));
  await requireListening('Kafka', brokers, 'Start it with `npm start`, or say where it is with --brokers or KAFKA_BROKERS.');
  const next = 'Start it with `npm start`, or say where it is with --registry-url or SCHEMA_REGISTRY_URL.';
  await requireListening('the schema registry', [addressOf(registryUrl)], next);
  const lines: string[] = [];
  const onProgress = (line: string): void => {
    lines.push(line);
    if (output === 'table') console.out(line);
  };
  const deployment: Deployment = { brokers, registryUrl, partitions, replication, author, nowMs: Date.now(), onProgress };
  try {
    await run(policies === undefined ? deployment : { ...deployment, policies });
  } catch (cause) {
    throw asCliError(cause);
  }
  if (output === 'json') console.out(JSON.stringify({ ok: true, done: lines }, null, 2));
  return exitCodes.done;
}

/**
 * All policies of a folder, or none: with an error in one of them, or between them, nothing is published. Warnings are shown.
 * @throws CliError 1 with every error of every file
 */
async function policiesToPublish(source: PolicySource, console: Console): Promise<readonly PolicyDocument[]> {
  const { files, remarks, unfinished } = await checkPolicies(source);
  const errors = remarks.filter(({ severity }) => severity === 'error');
  const lines = errors.map((error) => `  ${placedInFile(source.folder, error)}`);
  const next = `Correct them; \`waybill policy lint ${source.folder}\` says whether they are right.`;
  if (errors.length > 0) throw new CliError(exitCodes.no, `policies are not valid, none was published:\n${lines.join('\n')}`, next);
  printRemarks(source.folder, { remarks, unfinished }, console);
  return files.map(({ published }) => published);
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
