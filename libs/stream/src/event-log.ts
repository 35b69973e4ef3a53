import type { TypedRecord } from '@waybill/domain';

/** Longest value of a record, bytes: topics take 4 MiB, and headers and the overhead of a batch count too. */
export const valueBytesMax = 4 * 1_048_576 - 131_072;

/**
 * The narrow port to the log. `libs/kafka` implements it over kafkajs; a second client needs only this.
 * Offsets are plain numbers: 2^53 records per partition are enough.
 */
export type TopicPartition = { readonly topic: string; readonly partition: number };
export type Headers = Readonly<Record<string, Buffer>>;
/**
 * Headers as they lie in the log: `count` times name and value, each with its length in front as a zigzag varint; -1 stands for a
 * value that is null (Kafka protocol, Record). Making objects of them, and bytes of the objects, costs more than decoding the event.
 */
export type HeaderBytes = { readonly bytes: Buffer; readonly start: number; readonly end: number; readonly count: number };

/**
 * A record as it lies in the log. Its buffers are slices that the records of one chunk share: whoever keeps one for longer than it
 * takes to handle the chunk copies it, or a row of ten bytes holds megabytes.
 */
export type LogRecord = TopicPartition & {
  readonly offset: number;
  readonly timestampMs: number;
  readonly key: Buffer | null;
  readonly value: Buffer | null;
  /** The last one of a name; without those whose value is null. May be made only when it is looked at. */
  readonly headers: Headers;
  /** The same, and what `headers` leaves out, where the log gives it. */
  readonly headerBytes?: HeaderBytes;
};

export type NewRecord = {
  readonly topic: string;
  readonly partition: number;
  readonly key: string | null;
  readonly value: Buffer | null;
  readonly headers: Headers;
  /** Written in place of `headers`. */
  readonly headerBytes?: HeaderBytes | undefined;
  readonly timestampMs?: number;
};

/** Offset of the next record to read, per `topic`. */
export type Offsets = ReadonlyMap<string, number>;

export type Transaction = {
  readonly records: readonly NewRecord[];
  /** Next offsets of the inputs of one partition number, committed with the records. */
  readonly consumed: Offsets;
  readonly partition: number;
};

/** A fenced writer: opening a second one with the same id makes every call of the first reject with `FENCED`. */
export type Writer = {
  /**
   * Appends all records and commits the offsets, or nothing.
   * @returns the offset after the last record per topic, as far as records were written to `partition`
   * @throws StreamError `FENCED` (somebody else owns the partition: stop) or `COMMIT_UNCERTAIN` (throw this writer away,
   *   open a new one, and ask `committed` what happened), or `RECORD_REFUSED` (the log will never take them)
   */
  commit(transaction: Transaction): Promise<Offsets>;
  /** Ends a commit that has no answer yet with `COMMIT_UNCERTAIN`. */
  close(): Promise<void>;
};

export type GroupHandlers = {
  /**
   * Called after every (re)join with the partition numbers that this member owns; the same number of every topic comes together.
   * Tasks of other partitions must have stopped, and the wanted ones be ready, when it resolves.
   * @returns per partition number and topic the offset to read on from; topics left out start at their first offset
   */
  assigned(partitions: readonly number[], membership: Membership): Promise<ReadonlyMap<number, Offsets>>;
  /**
   * Records of one partition in offset order, one call at a time per partition. The next call waits until it has resolved.
   * A rejection with `FENCED` makes the member join anew, any other ends it.
   */
  batch(topicPartition: TopicPartition, records: readonly LogRecord[]): Promise<void>;
  /** The group has answered. It does so several times per session timeout; after a longer silence others may have the partitions. */
  heard?(): void;
  /** The member can go on no more; the process must end. */
  crashed(error: Error): void;
};

export type Membership = {
  /** Asks the group now. @throws StreamError `FENCED` when the group has moved on without this member */
  verify(signal?: AbortSignal): Promise<void>;
};

export type GroupOptions = {
  readonly group: string;
  readonly topics: readonly string[];
  /** Stable name of this instance (`group.instance.id`): a restart with the same name takes its partitions over at once. */
  readonly instance: string;
  readonly sessionTimeoutMs: number;
  readonly handlers: GroupHandlers;
};
export type Group = { close(): Promise<void> };

export type EventLog = {
  /** Partition count that all topics share. */
  readonly partitions: number;
  joinGroup(options: GroupOptions): Promise<Group>;
  openWriter(group: string, partition: number, signal?: AbortSignal): Promise<Writer>;
  /** Committed next offsets of a group for one partition number; topics without a commit are missing. */
  committed(group: string, topics: readonly string[], partition: number, signal?: AbortSignal): Promise<Offsets>;
  /** First offset still there and the offset after the last committed record. */
  bounds(topicPartition: TopicPartition, signal?: AbortSignal): Promise<{ readonly first: number; readonly end: number }>;
  /**
   * Where a time begins: no record of this time or later lies before it; the end where there is none. By the times that writers gave,
   * which need not be in order. May be the end of a transaction, whose time is the broker's.
   */
  offsetAt(topicPartition: TopicPartition, timestampMs: number, signal?: AbortSignal): Promise<number>;
  /** Whether the end of a partition holds records whose transaction has no end there yet. */
  hasOpenTransaction(topicPartition: TopicPartition, signal?: AbortSignal): Promise<boolean>;
  /**
   * Reads committed records in [from, to) and calls `onRecords` with each chunk and the offset to go on from.
   * Ends at `to`, also where the last offsets hold control records or were compacted away.
   * @throws as soon as `signal` has fired: from then on `onRecords` is not called, whatever has been fetched already
   */
  read(
    topicPartition: TopicPartition,
    range: { readonly from: number; readonly to: number },
    onRecords: (records: readonly LogRecord[], next: number) => Promise<void> | void,
    signal?: AbortSignal,
  ): Promise<void>;
  /** Follows all partitions of topics without a group until the signal fires. */
  follow(options: FollowOptions): Promise<void>;
  /** Partition of a key, by the same rule for every topic (murmur2, as Kafka's default partitioner). */
  partitionOf(key: string): number;
  close(): Promise<void>;
};

export type FollowOptions = {
  readonly topics: readonly string[];
  /** Where to go on; topics and partitions not named start at their first offset. */
  readonly from: (topicPartition: TopicPartition) => number | undefined;
  readonly onRecords: (topicPartition: TopicPartition, records: readonly LogRecord[], next: number) => Promise<void> | void;
  /** Called once, when everything that was there at the start has been read. */
  readonly onCaughtUp?: () => void;
  /**
   * A position lies outside the log by now: the partition follows from its first offset again, up to `end` and on. What was known of
   * it may have been deleted meanwhile.
   */
  readonly onReset?: (topicPartition: TopicPartition, end: number) => void;
  readonly signal: AbortSignal;
};

/** Turns typed records into bytes and back (Avro in Confluent wire format in production). */
export type Codec = {
  encode(record: TypedRecord): Buffer;
  /** Asks the schema registry for a writer's schema only on first sight. @throws StreamError `RECORD_UNDECODABLE` */
  decode(value: Buffer): Promise<TypedRecord>;
  /** @throws StreamError `RECORD_UNDECODABLE`, also where the writer's schema has not been loaded yet */
  decodeSync(value: Buffer): TypedRecord;
};
