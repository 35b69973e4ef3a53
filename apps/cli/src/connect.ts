import { topics } from '@waybill/domain';
import { createAppender, createCodec, createEventLog, type Appender } from '@waybill/kafka';
import { StreamError, type Codec, type EventLog } from '@waybill/stream';
import { CliError, exitCodes } from './exit.ts';
import { addressOf, requireListening } from './reach.ts';

export type LogAddress = { readonly brokers: readonly string[]; readonly registryUrl: string };

/** What comes from Kafka or the schema registry; anything else is told as what it is. */
const isOfTheLog = (error: unknown): boolean =>
  error instanceof StreamError || (error instanceof Error && error.name.startsWith('KafkaJS'));

const client = { clientId: 'waybill-cli', countBy: topics.audit.name };

/** To read with. @throws CliError 3 where Kafka or the schema registry cannot be reached, or nothing was deployed there */
export const withLog = <T>(address: LogAddress, use: (log: EventLog, codec: Codec) => Promise<T>): Promise<T> =>
  withClient(address, (brokers) => createEventLog({ brokers, ...client }), use);

/** To append with. @throws CliError 3 as `withLog` */
export const withAppender = <T>(address: LogAddress, use: (appender: Appender, codec: Codec) => Promise<T>): Promise<T> =>
  withClient(address, (brokers) => createAppender({ brokers, ...client, timeoutMs: 15_000 }), use);

async function withClient<C extends { close(): Promise<void> }, T>(
  { brokers, registryUrl }: LogAddress,
  open: (brokers: readonly string[]) => Promise<C>,
  use: (opened: C, codec: Codec) => Promise<T>,
): Promise<T> {
  await requireListening('Kafka', brokers, 'Start it with `npm start`, or say where it is with --brokers or KAFKA_BROKERS.');
  const next = 'Start it with `npm start`, or say where it is with --registry-url or SCHEMA_REGISTRY_URL.';
  await requireListening('the schema registry', [addressOf(registryUrl)], next);
  try {
    const opened = await open(brokers);
    try {
      return await use(opened, await codecOf(registryUrl));
    } finally {
      await opened.close();
    }
  } catch (cause) {
    if (!isOfTheLog(cause)) throw cause;
    throw new CliError(
      exitCodes.unreachable,
      cause instanceof Error ? cause.message : String(cause),
      'Run `waybill deploy` if that has not been done.',
      { cause },
    );
  }
}

/** What it says in plain errors is about the registry: it does not answer, or lacks schemas. */
const codecOf = (registryUrl: string): Promise<Codec> =>
  createCodec({ registryUrl }).catch((cause: unknown) => {
    throw new StreamError('LOG_UNAVAILABLE', cause instanceof Error ? cause.message : String(cause), { cause });
  });
