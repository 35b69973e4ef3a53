import { partitionOfKey, StreamError, type NewRecord } from '@waybill/stream';
import { openConnections, type KafkaOptions } from './connections.ts';
import { errorMessage } from './error-message.ts';
import { produceCall } from './produce-call.ts';
import { inRounds, planRound, roundsByLeader, type Chunk } from './produce-rounds.ts';
import { anonymous } from './record-batch-encoder.ts';
import { send } from './wire.ts';

const producer = { ...anonymous, transactionalId: null };
/** How long the brokers may be away while an appender is made. */
const startMsMax = 60_000;

export type Appender = {
  /**
   * Appends all records with acks=all: in one request per leading broker where they fit. At least once: after a rejection some may be
   * in the log; their deterministic ids let readers drop a repeat. One call at a time keeps the order of a key.
   * @throws StreamError `LOG_UNAVAILABLE` after `timeoutMs`
   */
  append(records: readonly NewRecord[]): Promise<void>;
  partitionOf(key: string): number;
  /** False while the last append has failed. */
  ready(): boolean;
  close(): Promise<void>;
};

export type AppenderOptions = KafkaOptions & {
  readonly countBy: string;
  /** How long an append is tried, ms. */
  readonly timeoutMs?: number;
};

export async function createAppender(options: AppenderOptions): Promise<Appender> {
  const connections = openConnections(options);
  const timeoutMs = options.timeoutMs ?? 5_000;
  const partitions = await connections
    .run(
      'control',
      [options.countBy],
      async (cluster) => cluster.findTopicPartitionMetadata(options.countBy).length,
      AbortSignal.timeout(startMsMax),
    )
    .catch(async (error: unknown) => {
      await connections.close(); // Whoever calls again begins with connections of its own.
      throw error;
    });
  let isReady = true;

  async function appendRound(round: readonly Chunk[], signal: AbortSignal): Promise<void> {
    const topics = [...new Set(round.map(({ topic }) => topic))];
    await connections.run(
      'control',
      topics,
      async (cluster) => {
        await Promise.all(
          [...roundsByLeader(cluster, [round])].map(async ([nodeId, [chunks]]) => {
            const broker = await cluster.findBroker({ nodeId });
            await send(broker, produceCall(planRound(chunks!, undefined), producer, timeoutMs));
          }),
        );
      },
      signal,
    );
  }

  return {
    async append(records) {
      const signal = AbortSignal.timeout(timeoutMs);
      try {
        for (const round of inRounds(records)) await appendRound(round, signal);
        isReady = true;
      } catch (error) {
        isReady = false;
        throw new StreamError('LOG_UNAVAILABLE', `Kafka has not acknowledged within ${timeoutMs} ms: ${errorMessage(error)}`, {
          cause: error,
        });
      }
    },
    partitionOf: (key) => partitionOfKey(key, partitions),
    ready: () => isReady,
    close: () => connections.close(),
  };
}
