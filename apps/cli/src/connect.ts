import { topics } from '@waybill/domain';
import { createCodec, createEventLog } from '@waybill/kafka';
import type { Codec, EventLog } from '@waybill/stream';
import { CliError, exitCodes } from './exit.ts';
import { addressOf, requireListening } from './reach.ts';

export type LogAddress = { readonly brokers: readonly string[]; readonly registryUrl: string };

/** @throws CliError 3 where Kafka or the schema registry cannot be reached, or nothing was deployed there */
export async function withLog<T>({ brokers, registryUrl }: LogAddress, use: (log: EventLog, codec: Codec) => Promise<T>): Promise<T> {
  await requireListening('Kafka', brokers, 'Start it with `npm start`, or say where it is with --brokers or KAFKA_BROKERS.');
  const next = 'Start it with `npm start`, or say where it is with --registry-url or SCHEMA_REGISTRY_URL.';
  await requireListening('the schema registry', [addressOf(registryUrl)], next);
  try {
    const log = await createEventLog({ brokers, clientId: 'waybill-cli', countBy: topics.audit.name });
    try {
      return await use(log, await createCodec({ registryUrl }));
    } finally {
      await log.close();
    }
  } catch (cause) {
    if (cause instanceof CliError) throw cause;
    throw new CliError(
      exitCodes.unreachable,
      cause instanceof Error ? cause.message : String(cause),
      'Run `waybill deploy` if that has not been done.',
      { cause },
    );
  }
}
