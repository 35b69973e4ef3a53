import type { Appender } from '@waybill/kafka';
import type { EventLog, Writer } from '@waybill/stream';
import { openConnections, type Connections } from '../../libs/kafka/src/connections.ts';
import { coordinators } from '../../libs/kafka/src/wire.ts';

/** As often as the peer commits. */
const commitEveryMs = 100;

/** Offsets of a group that has members can be committed by these alone: they lie under another name. */
export const offsetsGroupOf = (group: string): string => `${group}-offsets`;

type OffsetCommit = {
  offsetCommit(request: {
    groupId: string;
    groupGenerationId: -1;
    memberId: '';
    retentionTime: -1;
    topics: readonly { topic: string; partitions: readonly { partition: number; offset: string; metadata: null }[] }[];
  }): Promise<unknown>;
};

/**
 * The same log without transactions: records are acknowledged, then their offsets are committed now and then, as consumers
 * mostly do. What it is faster by is what exactly-once costs. Local positions do not advance: no restore follows.
 */
export function atLeastOnceLog(log: EventLog, appender: Appender, brokers: readonly string[]): EventLog {
  const connections = openConnections({ brokers, clientId: 'bench-at-least-once' });
  return {
    ...log,
    openWriter: async (group, partition) => openWriter(appender, connections, offsetsGroupOf(group), partition),
    committed: (group, topics, partition, signal) => log.committed(offsetsGroupOf(group), topics, partition, signal),
    async close() {
      await Promise.all([log.close(), appender.close(), connections.close()]);
    },
  };
}

function openWriter(appender: Appender, connections: Connections, groupId: string, partition: number): Writer {
  const reached = new Map<string, number>();
  const commitOffsets = async (): Promise<void> => {
    const topics = [...reached].map(([topic, offset]) => ({ topic, partitions: [{ partition, offset: String(offset), metadata: null }] }));
    reached.clear();
    if (topics.length === 0) return;
    const request = { groupId, groupGenerationId: -1, memberId: '', retentionTime: -1, topics } as const;
    await connections.run('control', [], async (cluster) => {
      const broker = await connections.coordinator(cluster, coordinators.group, groupId);
      await (broker as unknown as OffsetCommit).offsetCommit(request);
    });
  };
  // One after the other: a slow commit must not take back what a later one has said.
  let committing: Promise<void> = Promise.resolve();
  const commitNext = (): Promise<void> => (committing = committing.then(commitOffsets));
  const timer = setInterval(() => void commitNext(), commitEveryMs);
  return {
    async commit({ records, consumed }) {
      await appender.append(records);
      for (const [topic, offset] of consumed) reached.set(topic, offset);
      return new Map();
    },
    async close() {
      clearInterval(timer);
      await commitNext();
    },
  };
}
