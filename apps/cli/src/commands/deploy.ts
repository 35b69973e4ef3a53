import { deploy as deployTo, type DeployOptions as Deployment } from '@waybill/kafka';
import type { Console, OutputFormat } from '../console.ts';
import { CliError, type ExitCode, exitCodes } from '../exit.ts';
import { readPolicies } from '../policies.ts';
import { addressOf, requireListening } from '../reach.ts';

export type DeployOptions = {
  readonly output: OutputFormat;
  readonly brokers: readonly string[];
  readonly registryUrl: string;
  readonly partitions: number;
  readonly replication: number;
  readonly author: string;
  /** Folder of policies; undefined leaves those in force as they are. */
  readonly policiesFolder: string | undefined;
};

/** Makes the log ready for the apps: topics, schemas, policies. Repeatable. Policies are checked before anything is changed. */
export async function deploy(options: DeployOptions, console: Console, run = deployTo): Promise<ExitCode> {
  const { output, brokers, registryUrl, partitions, replication, author, policiesFolder } = options;
  const policies = policiesFolder === undefined ? undefined : await readPolicies(policiesFolder);
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
