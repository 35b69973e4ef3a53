import { topics } from '@waybill/domain';
import { createCodec, createEventLog } from '@waybill/kafka';
import { StreamError, type Codec, type EventLog } from '@waybill/stream';
import { CliError, exitCodes } from './exit.ts';
import { addressOf, requireListening } from './reach.ts';

export type LogAddress = { readonly brokers: readonly string[]; readonly registryUrl: string };

/** What comes from Kafka or the schema registry; anything else is told as what it is. */
const isOfTheLog = (error: unknown): boolean =>
  error instanceof StreamError || (error instanceof Error && error.name.startsWith('KafkaJS'));

/** @throws CliError 3 where Kafka or the schema registry cannot be reached, or nothing was deployed there */
export async function withLog<T>({ brokers, registryUrl }: LogAddress, use: (log: EventLog, codec: Codec) => Promise<T>): Promise<T> {
  await requireListening('Kafka', brokers, 'Start it with `npm start`, or say where it is with --brokers or KAFKA_BROKERS.');
  const next = 'Start it with `npm start`, or say where it is with --registry-url or SCHEMA_REGISTRY_URL.';
  await requireListening('the schema registry', [addressOf(registryUrl)], next);
  try {
    const log = await createEventLog({ brokers, clientId: 'waybill-cli', countBy: topics.audit.name });
    try {
      return await use(log, await codecOf(registryUrl));
    } finally {
      await log.close();
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
