import { setTimeout as sleep } from 'node:timers/promises';
import { StreamError, type Group, type GroupOptions, type Membership } from '@waybill/stream';
import { assignPartitions, type Member } from './assign-partitions.ts';
import { isTransient, type Connections } from './connections.ts';
import { runFetchLoop } from './fetch-loop.ts';
import type { FetchPosition } from './fetch.ts';
import { assignerProtocol, coordinators, wireErrorType, type Broker } from './wire.ts';

/** Name of the assignment rule; members with another one cannot share a group, so that a change of the rule needs a new name. */
const protocolName = 'waybill-copartitioned-1';
/** Long enough for a fetch to cost nothing, short enough to notice a rebalance; heartbeats do not wait for it. */
const fetchWaitMs = 500;

type Generation = { readonly generationId: number; readonly memberId: string; readonly partitions: readonly number[] };

const rejoinTypes = new Set([
  'REBALANCE_IN_PROGRESS',
  'ILLEGAL_GENERATION',
  'UNKNOWN_MEMBER_ID',
  'NOT_COORDINATOR_FOR_GROUP',
  'NOT_COORDINATOR',
]);

/**
 * Joins a consumer group and reads what it assigns until closed.
 *
 * Own membership over kafkajs' requests, because its consumer heartbeats only from inside processing, has no callback before
 * partitions go, cannot be a static member, and commits a default offset where the committed one has expired.
 */
export function joinGroup(
  connections: Connections,
  firstOffset: (place: { topic: string; partition: number }) => Promise<number>,
  partitionCount: number,
  options: GroupOptions,
): Group {
  const closing = new AbortController();
  let memberId = '';
  let owned: readonly number[] = [];
  const identity = () => ({ groupId: options.group, memberId, groupInstanceId: options.instance });

  const onCoordinator = <T>(call: (broker: Broker) => Promise<T>, signal = closing.signal): Promise<T> =>
    connections.run(
      'group',
      [],
      async (cluster) => call(await cluster.findGroupCoordinator({ groupId: options.group, coordinatorType: coordinators.group })),
      signal,
    );

  async function join(): Promise<Generation> {
    const metadata = assignerProtocol.MemberMetadata.encode({
      version: 1,
      topics: options.topics,
      userData: Buffer.from(JSON.stringify(owned)),
    });
    const joined = await onCoordinator((broker) =>
      broker.joinGroup({
        ...identity(),
        sessionTimeout: options.sessionTimeoutMs,
        rebalanceTimeout: Math.max(30_000, options.sessionTimeoutMs),
        groupProtocols: [{ name: protocolName, metadata }],
      }),
    );
    memberId = joined.memberId;
    const groupAssignment = joined.leaderId === joined.memberId ? assignmentOf(joined.members, options.topics, partitionCount) : [];
    const synced = await onCoordinator((broker) => broker.syncGroup({ ...identity(), generationId: joined.generationId, groupAssignment }));
    const assignment = assignerProtocol.MemberAssignment.decode(synced.memberAssignment)?.assignment ?? {};
    return { generationId: joined.generationId, memberId, partitions: assignment[options.topics[0]!] ?? [] };
  }

  async function heartbeat(generation: Generation, signal: AbortSignal): Promise<void> {
    await onCoordinator((broker) => broker.heartbeat({ ...identity(), groupGenerationId: generation.generationId }), signal);
  }

  /** Rejects when the group has moved on; ends quietly when `signal` fires. */
  async function keepAlive(generation: Generation, signal: AbortSignal): Promise<never> {
    for (;;) {
      await sleep(Math.min(3_000, options.sessionTimeoutMs / 3), undefined, { signal });
      await heartbeat(generation, signal);
    }
  }

  const membershipOf = (generation: Generation): Membership => ({
    async verify() {
      try {
        await heartbeat(generation, closing.signal);
      } catch (error) {
        throw new StreamError('FENCED', `the group ${options.group} has moved on`, { cause: error });
      }
    },
  });

  /** One generation: from its assignment to the next rebalance, which it rejects with. */
  async function live(generation: Generation): Promise<void> {
    const over = new AbortController();
    const signal = AbortSignal.any([over.signal, closing.signal]);
    const alive = keepAlive(generation, signal);
    alive.catch(() => undefined); // Raced below; it may end first or last.
    try {
      const starts = await options.handlers.assigned(generation.partitions, membershipOf(generation));
      owned = generation.partitions;
      const positions = await startPositions(generation.partitions, starts);
      const fetching = runFetchLoop({
        connections,
        use: 'fetch',
        start: positions,
        maxWaitMs: fetchWaitMs,
        signal,
        onRecords: (place, records) => (records.length > 0 ? options.handlers.batch(place, records) : undefined),
      });
      fetching.catch(() => undefined);
      // Without partitions there is nothing to fetch, but still a membership to keep.
      await Promise.race([alive, positions.length > 0 ? fetching : alive]);
    } finally {
      over.abort();
    }
  }

  async function startPositions(
    partitions: readonly number[],
    starts: ReadonlyMap<number, ReadonlyMap<string, number>>,
  ): Promise<FetchPosition[]> {
    const places = partitions.flatMap((partition) => options.topics.map((topic) => ({ topic, partition })));
    return Promise.all(
      places.map(async (place) => ({ ...place, offset: starts.get(place.partition)?.get(place.topic) ?? (await firstOffset(place)) })),
    );
  }

  async function run(): Promise<void> {
    while (!closing.signal.aborted) {
      try {
        await live(await join());
      } catch (error) {
        if (closing.signal.aborted) return;
        const type = wireErrorType(error);
        if (type === 'UNKNOWN_MEMBER_ID') memberId = '';
        if (!rejoinTypes.has(type) && !isTransient(error)) throw error;
        await sleep(50, undefined, { signal: closing.signal }).catch(() => undefined);
      }
    }
  }

  const running = run().catch((error: unknown) => options.handlers.crashed(error instanceof Error ? error : new Error(String(error))));

  return {
    async close() {
      const left = onCoordinatorOnce(connections, options.group, (broker) => broker.leaveGroup(identity()));
      await left.catch(() => undefined); // The session ends by itself.
      closing.abort();
      await running;
    },
  };
}

/** Leaving is a courtesy; it is not repeated while the coordinator is away. */
async function onCoordinatorOnce(connections: Connections, group: string, call: (broker: Broker) => Promise<unknown>): Promise<void> {
  await connections.run(
    'group',
    [],
    async (cluster) => {
      await call(await cluster.findGroupCoordinator({ groupId: group, coordinatorType: coordinators.group })).catch(() => undefined);
    },
    AbortSignal.timeout(3_000),
  );
}

function assignmentOf(
  members: readonly { readonly memberId: string; readonly memberMetadata: Buffer }[],
  topics: readonly string[],
  partitionCount: number,
): readonly { readonly memberId: string; readonly memberAssignment: Buffer }[] {
  const parsed: Member[] = members.map(({ memberId, memberMetadata }) => ({ id: memberId, owned: ownedOf(memberMetadata) }));
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
