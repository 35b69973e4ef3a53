import type { DecisionState, Job, ReplicaState, ScanState, TagEntry } from '@waybill/domain';
import type { StateStore } from '@waybill/stream';

export type Place = { readonly topic: string; readonly partition: number; readonly offset: number };

/** An event as a step of its journey. `details` is bounded: findings, headers and bodies stay in the log. */
export type StepRow = Place & {
  readonly type: string;
  readonly eventId: string;
  readonly correlationId: string;
  readonly causationId: string | null;
  readonly subject: string;
  /** When the log took it, Unix ms. */
  readonly loggedAtMs: number;
  /** What the event says of itself (CloudEvents `time`), Unix ms. */
  readonly timeMs: number;
  /** How often the topic holds it: a sender's retries have one id. */
  readonly timesLogged: number;
  readonly details: StepDetails;
};
export type StepDetails = Readonly<Record<string, unknown>>;

/** Bytes are base64. A place of -1 says that the record was parked before it got one. */
export type ParkedRow = {
  readonly app: string;
  readonly origin: Place;
  readonly parked: Place;
  readonly timestampMs: number;
  readonly key: string | null;
  readonly value: string | null;
  readonly headers: readonly { readonly name: string; readonly value: string }[];
  readonly code: string;
  readonly reason: string;
  readonly parkedAtMs: number;
  readonly correlationId: string;
};

/** What waits for somebody to retry or drop it: a record that an app could not process, or a job that it has given up. */
export type AsideRow = {
  readonly kind: 'record' | 'job';
  readonly app: string;
  /** `topic/partition/offset` of the record, or the job's id; of a delivery that the gateway parked, its place in the parked topic. */
  readonly id: string;
  /** Partition number where it waits. */
  readonly partition: number;
  readonly origin: Place | null;
  readonly code: string;
  readonly reason: string;
  readonly attempts: number;
  readonly parkedAtMs: number;
  readonly correlationId: string;
  readonly valueBytes: number;
  /** Counter of the records that wait behind it. */
  readonly behind: string | null;
  /** Whether an app can run it again. A delivery that the gateway could not read is in no app's hands. */
  readonly canRetry: boolean;
};

export type JobView = Omit<Job, 'payload' | 'traceparent'> & { readonly app: string };

/** `timer`: nothing is to be done before a moment that was asked for. `due`: it runs, or waits for its turn or its next try. */
export type JobStage = 'timer' | 'due' | 'parked';
export const stageOf = ({ status, attempt, notBeforeMs, createdAtMs }: JobView): JobStage =>
  status === 'parked' ? 'parked' : attempt === 0 && notBeforeMs > createdAtMs ? 'timer' : 'due';

export type AuditRow = { readonly partition: number; readonly seq: number; readonly hash: string };
export type PolicyRow = {
  readonly policyId: string;
  readonly document: string | null;
  readonly documentSha256: string | null;
  /** Of the newest change. */
  readonly author: string;
  readonly reason: string;
  readonly previousSha256: string | null;
  /** Null while in force. */
  readonly retiredAtMs: number | null;
  readonly changedAtMs: number;
};

/** Every store of the read model, with what a row is. Keys are in `project.ts`, beside what writes them. */
export type ReadModel = {
  readonly steps: StepRow;
  /** Event id and topic -> key in `steps`. */
  readonly events: string;
  /** Reference (tag, digest, repository), time and correlation id -> correlation id. */
  readonly pushes: string;
  /** Repository without its host, then host. */
  readonly hosts: string;
  readonly tags: TagEntry;
  readonly decisions: DecisionState;
  readonly replicas: ReplicaState;
  /** Source tag -> key in `replicas`. */
  readonly copies: string;
  readonly scans: ScanState;
  readonly jobs: JobView;
  /** Correlation id -> key in `jobs`. */
  readonly journeyJobs: string;
  /** App and moment -> key in `jobs`; those that are parked wait for somebody, not for a moment. */
  readonly jobsByTime: string;
  readonly parked: ParkedRow;
  readonly parkedByTime: string;
  readonly parkedByOrigin: string;
  readonly aside: AsideRow;
  readonly asideByTime: string;
  /** Counter of the records that wait in a line -> key in `aside` of the one that stops it. */
  readonly stops: string;
  /** Place of a held record that is not parked -> counter that it is in. */
  readonly waiting: string;
  /** Dropped before it was seen to be parked. */
  readonly dropped: true;
  readonly audit: AuditRow;
  readonly policies: PolicyRow;
  readonly counters: number;
  /** Offset of the last record seen per topic and partition; markers of transactions are none. */
  readonly lastOffsets: number;
};
export type StoreName = keyof ReadModel;

export type Range = {
  readonly prefix?: string;
  readonly limit?: number;
  readonly reverse?: boolean;
  /** Only what lies beyond this key, in the direction of the reading. */
  readonly after?: string;
};
export type Reader = {
  get<S extends StoreName>(store: S, key: string): ReadModel[S] | undefined;
  entries<S extends StoreName>(store: S, range?: Range): Iterable<readonly [key: string, row: ReadModel[S]]>;
};
export type Writer = Pick<Reader, 'get'> & {
  put<S extends StoreName>(store: S, key: string, row: ReadModel[S]): void;
  remove(store: StoreName, key: string): void;
};

const parse = <S extends StoreName>(bytes: Buffer): ReadModel[S] => JSON.parse(bytes.toString('utf8')) as ReadModel[S];

export const readerOf = (store: StateStore): Reader => ({
  get: (name, key) => {
    const bytes = store.get(name, key);
    return bytes === undefined ? undefined : parse(bytes);
  },
  *entries(name, { after, ...range } = {}) {
    const bound = after === undefined ? undefined : Buffer.from(after);
    const direction = range.reverse === true ? -1 : 1;
    for (const [key, bytes] of store.entries(name, range)) {
      // The port reads from a prefix only; what lies before the bound is passed over unparsed.
      if (bound !== undefined && Buffer.compare(Buffer.from(key), bound) * direction <= 0) continue;
      yield [key, parse(bytes)];
    }
  },
});

export type Change = { readonly store: string; readonly key: string; readonly value: Buffer | null };

/** Rows as they will stand after the changes so far; `changes` is what a commit must write. */
export function draftOf(store: StateStore): Writer & { changes(): readonly Change[] } {
  const reader = readerOf(store);
  const drafted = new Map<string, Change>();
  const id = (name: string, key: string): string => `${name}\0${key}`;
  return {
    get: (name, key) => {
      const change = drafted.get(id(name, key));
      if (change === undefined) return reader.get(name, key);
      return change.value === null ? undefined : parse(change.value);
    },
    put: (name, key, row) => void drafted.set(id(name, key), { store: name, key, value: Buffer.from(JSON.stringify(row)) }),
    remove: (name, key) => void drafted.set(id(name, key), { store: name, key, value: null }),
    changes: () => [...drafted.values()],
  };
}
