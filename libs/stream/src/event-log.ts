import type { TypedRecord } from '@waybill/domain';

/**
 * The narrow port to the log. `libs/kafka` implements it over kafkajs; a second client needs only this.
 * Offsets are plain numbers: 2^53 records per partition are enough.
 */
export type TopicPartition = { readonly topic: string; readonly partition: number };
export type Headers = Readonly<Record<string, Buffer>>;

/** A record as it lies in the log. Buffers are copies: they pin no fetch response. */
export type LogRecord = TopicPartition & {
  readonly offset: number;
  readonly timestampMs: number;
  readonly key: Buffer | null;
  readonly value: Buffer | null;
  readonly headers: Headers;
};

export type NewRecord = {
  readonly topic: string;
  readonly partition: number;
  readonly key: string | null;
  readonly value: Buffer | null;
  readonly headers: Headers;
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
   *   open a new one, and ask `committed` what happened)
   */
  commit(transaction: Transaction): Promise<Offsets>;
  close(): Promise<void>;
};

export type GroupHandlers = {
  /** The partition numbers that this member now owns. Resolves once tasks that were lost have stopped. */
  assigned(partitions: readonly number[]): Promise<void>;
  /**
   * Records of one partition in offset order. Resolving means: committed by the handler, fetch on.
   * `heartbeat` must be called at least every third of the session timeout; it rejects when the group has moved on.
   */
  batch(topicPartition: TopicPartition, records: readonly LogRecord[], heartbeat: () => Promise<void>): Promise<void>;
  /** The client gave up for good; the process must end. */
  crashed(error: Error): void;
};

export type GroupOptions = { readonly group: string; readonly topics: readonly string[]; readonly handlers: GroupHandlers };
export type Group = { close(): Promise<void> };

export type EventLog = {
  joinGroup(options: GroupOptions): Promise<Group>;
  openWriter(group: string, partition: number): Promise<Writer>;
  /** Committed next offsets of a group for one partition number; topics without a commit are missing. */
  committed(group: string, topics: readonly string[], partition: number): Promise<Offsets>;
  /** First offset still there and the offset after the last committed record. */
  bounds(topicPartition: TopicPartition): Promise<{ readonly first: number; readonly end: number }>;
  /**
   * Reads committed records in [from, to) and calls `onRecords` with each chunk and the offset to go on from.
   * Ends at `to`, also where the last offsets hold control records or were compacted away.
   */
  read(
    topicPartition: TopicPartition,
    range: { readonly from: number; readonly to: number },
    onRecords: (records: readonly LogRecord[], next: number) => Promise<void> | void,
    signal?: AbortSignal,
  ): Promise<void>;
  /** Follows all partitions of topics without a group until the signal fires. */
  follow(options: FollowOptions): Promise<void>;
  partitionCount(topic: string): Promise<number>;
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
