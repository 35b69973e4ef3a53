import type { Clock } from '../clock.ts';
import { StreamError } from '../errors.ts';
import type { NewRecord, Offsets, Transaction, Writer } from '../event-log.ts';
import { committedName, refuseLong, type ModelBroker } from './broker.ts';
import { BrokerError, type BrokerErrorType } from './broker-error.ts';
import type { Network } from './network.ts';
import type { ProducerIdentity } from './transactions.ts';

export type ModelWriterOptions = {
  readonly broker: ModelBroker;
  readonly network: Network;
  readonly clock: Clock;
  readonly group: string;
  readonly partition: number;
  readonly transactionTimeoutMs: number;
  readonly closed: AbortSignal;
};

const fencedTypes: ReadonlySet<BrokerErrorType> = new Set(['INVALID_PRODUCER_EPOCH', 'INVALID_TXN_STATE']);

/** The one writer of (group, partition), request by request as a real one: each can be lost, and so can its answer. */
export async function openModelWriter(options: ModelWriterOptions, signal: AbortSignal): Promise<Writer> {
  const { broker, network, group, partition, transactionTimeoutMs } = options;
  const id = `${group}-${partition}`;
  const identity = await network.ask('open writer', () => broker.transactions.open(id, transactionTimeoutMs), signal);
  const spent = new AbortController();
  const stop = AbortSignal.any([spent.signal, options.closed]);
  return {
    async close() {
      spent.abort(new Error('the writer is closed'));
    },
    async commit(transaction) {
      if (stop.aborted) throw new StreamError('COMMIT_UNCERTAIN', `writer ${id} is spent`);
      if (transaction.records.length === 0 && transaction.consumed.size === 0) return new Map();
      const late = new AbortController();
      const cancelTimeout = options.clock.after(transactionTimeoutMs, () => late.abort(new Error('the transaction takes too long')));
      try {
        return await commit(options, identity, transaction, AbortSignal.any([stop, late.signal]));
      } catch (error) {
        spent.abort(new Error('the writer has failed'));
        throw commitError(id, error);
      } finally {
        cancelTimeout();
      }
    },
  };
}

async function commit(
  options: ModelWriterOptions,
  identity: ProducerIdentity,
  transaction: Transaction,
  signal: AbortSignal,
): Promise<Offsets> {
  const { broker, network } = options;
  const { records, consumed } = transaction;
  const [next] = await Promise.all([sendRecords(options, identity, records, signal), sendOffsets(options, identity, consumed, signal)]);
  await network.call('end transaction', () => broker.transactions.end(identity, 'committed'), signal);
  return next;
}

async function sendRecords(
  { broker, network, clock, partition: own }: ModelWriterOptions,
  identity: ProducerIdentity,
  records: readonly NewRecord[],
  signal: AbortSignal,
): Promise<Offsets> {
  const next = new Map<string, number>();
  if (records.length === 0) return next;
  const groups = [...Map.groupBy(records, ({ topic, partition }) => broker.partition({ topic, partition }))];
  const partitions = groups.map(([partition]) => partition);
  await whenFree(clock, () => network.call('add partitions', () => broker.transactions.addPartitions(identity, partitions), signal));
  const produce = async ([partition, group]: (typeof groups)[number]): Promise<void> => {
    const append = (): number => {
      for (const { value } of group) refuseLong(value?.length ?? 0);
      return broker.transactions.append(identity, partition, group, clock.now());
    };
    const baseOffset = await network.call(`produce to ${partition.place.topic}`, append, signal);
    if (partition.place.partition === own) next.set(partition.place.topic, baseOffset + group.length);
  };
  await Promise.all(groups.map(produce));
  return next;
}

async function sendOffsets(
  { broker, network, clock, group, partition }: ModelWriterOptions,
  identity: ProducerIdentity,
  consumed: Offsets,
  signal: AbortSignal,
): Promise<void> {
  if (consumed.size === 0) return;
  const offsets = new Map([...consumed].map(([topic, offset]) => [committedName(group, { topic, partition }), offset]));
  await whenFree(clock, () => network.call('add offsets', () => broker.transactions.addOffsets(identity, offsets), signal));
}

/** The transaction before is still being ended; nothing has happened yet. */
async function whenFree(clock: Clock, call: () => Promise<void>): Promise<void> {
  for (let waitMs = 5; ; waitMs = Math.min(2 * waitMs, 1_000)) {
    try {
      return await call();
    } catch (error) {
      if (!(error instanceof BrokerError && error.type === 'CONCURRENT_TRANSACTIONS')) throw error;
      await clock.sleep(waitMs);
    }
  }
}

function commitError(id: string, error: unknown): StreamError {
  const options = { cause: error };
  if (error instanceof BrokerError) {
    if (fencedTypes.has(error.type)) return new StreamError('FENCED', `writer ${id} has been fenced: ${error.type}`, options);
    if (error.type === 'MESSAGE_TOO_LARGE') return new StreamError('RECORD_REFUSED', `writer ${id}: ${error.type}`, options);
  }
  return new StreamError('COMMIT_UNCERTAIN', `transaction of ${id} has no known outcome`, options);
}
