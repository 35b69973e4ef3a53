import { setTimeout as sleep } from 'node:timers/promises';
import {
  assignPartitions,
  StreamError,
  type AssignedMember,
  type Group,
  type GroupOptions,
  type LogRecord,
  type Membership,
  type Offsets,
  type TopicPartition,
} from '@waybill/stream';
import { isTransient, type Connections } from './connections.ts';
import { runFetchLoop } from './fetch-loop.ts';
import type { FetchPosition } from './fetch.ts';
import { assignerProtocol, coordinators, type Broker, type Cluster } from './wire.ts';
import { wireErrorType } from './wire-error.ts';

/** Name of the assignment rule; members with another one cannot share a group, so that a change of the rule needs a new name. */
const protocolName = 'waybill-copartitioned-1';
/** Long enough for a fetch to cost nothing, short enough to notice a rebalance; heartbeats do not wait for it. */
const fetchWaitMs = 1_000;

type Generation = { readonly generationId: number; readonly partitions: readonly number[] };

const rejoinTypes = new Set([
  'REBALANCE_IN_PROGRESS',
  'ILLEGAL_GENERATION',
  'UNKNOWN_MEMBER_ID',
  'NOT_COORDINATOR_FOR_GROUP',
  'NOT_COORDINATOR',
]);

export type MemberOptions = GroupOptions & {
  readonly connections: Connections;
  readonly partitionCount: number;
  readonly firstOffset: (place: TopicPartition) => Promise<number>;
};

/**
 * Joins a consumer group and reads what it assigns until closed.
 *
 * Own membership over kafkajs' requests, because its consumer heartbeats only from inside processing, has no callback before
 * partitions go, cannot be a static member, and commits a default offset where the committed one has expired.
 */
export function joinGroup(options: MemberOptions): Group {
  const member = new GroupMember(options);
  const running = member
    .run()
    .catch((error: unknown) => options.handlers.crashed(error instanceof Error ? error : new Error(String(error))));
  return {
    async close() {
      await member.leave();
      await running;
    },
  };
}

class GroupMember {
  readonly #options: MemberOptions;
  readonly #closing = new AbortController();
  #memberId = '';
  #owned: readonly number[] = [];

  constructor(options: MemberOptions) {
    this.#options = options;
  }

  async run(): Promise<void> {
    const { signal } = this.#closing;
    while (!signal.aborted) {
      try {
        await this.#live(await this.#join());
      } catch (error) {
        if (signal.aborted) return;
        const type = wireErrorType(error);
        if (type === 'UNKNOWN_MEMBER_ID') this.#memberId = '';
        // A task that has lost its partition: what the group says now counts.
        const isLost = error instanceof StreamError && error.code === 'FENCED';
        if (!isLost && !rejoinTypes.has(type) && !isTransient(error)) throw error;
        await sleep(50, undefined, { signal }).catch(() => undefined);
      }
    }
  }

  async leave(): Promise<void> {
    const { connections, group } = this.#options;
    const leaving = leaveOnce(connections, group, (broker) => broker.leaveGroup(this.#identity()));
    await leaving.catch(() => undefined); // The session ends by itself.
    this.#closing.abort();
  }

  #identity() {
    return { groupId: this.#options.group, memberId: this.#memberId, groupInstanceId: this.#options.instance };
  }

  async #onCoordinator<T>(call: (broker: Broker) => Promise<T>, signal = this.#closing.signal, attemptMsMax?: number): Promise<T> {
    const { connections, group, handlers } = this.#options;
    const ask = async (cluster: Cluster): Promise<T> => call(await connections.coordinator(cluster, coordinators.group, group));
    const answer = await connections.run('group', [], ask, signal, attemptMsMax);
    handlers.heard?.();
    return answer;
  }

  /**
   * An answer that is lost shows when it is later than any other could be, and meanwhile nobody reads: so a round of joining lasts no
   * longer than a session, in which every member has heard of it by its heartbeats, and a hung sync is given up by then.
   */
  async #join(): Promise<Generation> {
    const { topics, sessionTimeoutMs, partitionCount } = this.#options;
    const metadata = assignerProtocol.MemberMetadata.encode({ version: 1, topics, userData: Buffer.from(JSON.stringify(this.#owned)) });
    const joined = await this.#onCoordinator((broker) =>
      broker.joinGroup({
        ...this.#identity(),
        sessionTimeout: sessionTimeoutMs,
        rebalanceTimeout: sessionTimeoutMs,
        groupProtocols: [{ name: protocolName, metadata }],
      }),
    );
    this.#memberId = joined.memberId;
    const groupAssignment = joined.leaderId === joined.memberId ? assignmentOf(joined.members, topics, partitionCount) : [];
    const { generationId } = joined;
    const sync = (broker: Broker) => broker.syncGroup({ ...this.#identity(), generationId, groupAssignment });
    const synced = await this.#onCoordinator(sync, this.#closing.signal, sessionTimeoutMs);
    const assignment = assignerProtocol.MemberAssignment.decode(synced.memberAssignment)?.assignment ?? {};
    return { generationId, partitions: assignment[topics[0]!] ?? [] };
  }

  /** One that hangs is given up early enough for another one, on a new connection, within the session. */
  async #heartbeat({ generationId }: Generation, signal: AbortSignal): Promise<void> {
    const beat = (broker: Broker): Promise<unknown> => broker.heartbeat({ ...this.#identity(), groupGenerationId: generationId });
    await this.#onCoordinator(beat, signal, this.#options.sessionTimeoutMs / 4);
  }

  /** Rejects when the group has moved on, or when `signal` fires. A rebalance has to wait until the tasks of this one are ready. */
  async #keepAlive(generation: Generation, isReady: () => boolean, signal: AbortSignal): Promise<never> {
    for (;;) {
      await sleep(Math.min(3_000, this.#options.sessionTimeoutMs / 4), undefined, { signal });
      await this.#heartbeat(generation, signal).catch((error: unknown) => {
        // A member that fell silent here would be put out of the group in the middle of its restore.
        if (isReady() || wireErrorType(error) !== 'REBALANCE_IN_PROGRESS') throw error;
        this.#options.handlers.heard?.();
      });
    }
  }

  #membershipOf(generation: Generation): Membership {
    return {
      verify: async (signal) => {
        const stop = signal ? AbortSignal.any([signal, this.#closing.signal]) : this.#closing.signal;
        try {
          await this.#heartbeat(generation, stop);
        } catch (error) {
          if (wireErrorType(error) === 'REBALANCE_IN_PROGRESS') return; // Still of this generation, until it has joined the next.
          throw new StreamError('FENCED', `the group ${this.#options.group} has moved on`, { cause: error });
        }
      },
    };
  }

  /** One generation: from its assignment to the next rebalance, which it rejects with. */
  async #live(generation: Generation): Promise<void> {
    const { connections, handlers } = this.#options;
    const over = new AbortController();
    const signal = AbortSignal.any([over.signal, this.#closing.signal]);
    let isReady = false;
    const alive = this.#keepAlive(generation, () => isReady, signal);
    alive.catch(() => undefined); // Raced below; it may end first or last.
    try {
      const starts = await handlers.assigned(generation.partitions, this.#membershipOf(generation));
      isReady = true;
      this.#owned = generation.partitions;
      const start = await this.#startPositions(generation.partitions, starts);
      const onRecords = (place: TopicPartition, records: readonly LogRecord[]) =>
        records.length > 0 ? handlers.batch(place, records) : undefined;
      const fetching = runFetchLoop({ connections, use: 'fetch', start, maxWaitMs: fetchWaitMs, signal, onRecords });
      fetching.catch(() => undefined);
      // Without partitions there is nothing to fetch, but still a membership to keep.
      await Promise.race([alive, start.length > 0 ? fetching : alive]);
    } finally {
      over.abort();
    }
  }

  async #startPositions(partitions: readonly number[], starts: ReadonlyMap<number, Offsets>): Promise<readonly FetchPosition[]> {
    const { topics, firstOffset } = this.#options;
    const places = partitions.flatMap((partition) => topics.map((topic) => ({ topic, partition })));
    return Promise.all(
      places.map(async (place) => ({ ...place, offset: starts.get(place.partition)?.get(place.topic) ?? (await firstOffset(place)) })),
    );
  }
}

/** Leaving is a courtesy; it is not repeated while the coordinator is away. */
async function leaveOnce(connections: Connections, group: string, call: (broker: Broker) => Promise<unknown>): Promise<void> {
  await connections.run(
    'group',
    [],
    async (cluster) => {
      await call(await connections.coordinator(cluster, coordinators.group, group)).catch(() => undefined);
    },
    AbortSignal.timeout(3_000),
  );
}

function assignmentOf(
  members: readonly { readonly memberId: string; readonly memberMetadata: Buffer }[],
  topics: readonly string[],
  partitionCount: number,
): readonly { readonly memberId: string; readonly memberAssignment: Buffer }[] {
  const parsed: AssignedMember[] = members.map(({ memberId, memberMetadata }) => ({ id: memberId, owned: ownedOf(memberMetadata) }));
  return [...assignPartitions(parsed, partitionCount)].map(([memberId, partitions]) => {
    const assignment = Object.fromEntries(topics.map((topic) => [topic, partitions]));
    return { memberId, memberAssignment: assignerProtocol.MemberAssignment.encode({ version: 1, assignment, userData: Buffer.alloc(0) }) };
  });
}

function ownedOf(memberMetadata: Buffer): readonly number[] {
  try {
    const owned: unknown = JSON.parse(assignerProtocol.MemberMetadata.decode(memberMetadata).userData.toString());
    return Array.isArray(owned) ? owned.filter((partition): partition is number => Number.isInteger(partition)) : [];
  } catch {
    return []; // What a member says of its past is a wish, not a duty.
  }
}
