import { allTopics, rebuildable, type Topic, topics } from '@waybill/domain';
import { type Codec, type EventLog, readProjection, versionTopic } from '@waybill/stream';

/** Live version of each app that has versions; what is not named is at its first. */
export type LiveVersions = Readonly<Record<string, number>>;

/** What the log says now. */
export async function readLiveVersions(log: EventLog, codec: Codec): Promise<LiveVersions> {
  const apps = Object.keys(rebuildable);
  const projections = await Promise.all(apps.map((app) => readProjection(log, codec, app)));
  return Object.fromEntries(projections.map(({ app, liveVersion }) => [app, liveVersion]));
}

/**
 * What no endpoint shows and no group reads: marks, evidence and heads of other apps, and sums, which change every second. Of what a group
 * reads the last record has to be known, or markers behind it would count as its lag.
 */
const unread: readonly Topic[] = [
  topics.dedupMarks,
  topics.imageFacts,
  topics.policyEvidence,
  topics.auditHeads,
  topics.usage,
  topics.usageMarks,
  topics.usageState,
];

/** What the read model is a fold of, by the name under which the live versions write it. */
export const followedTopics = (live: LiveVersions = {}): ReadonlyMap<string, Topic> =>
  new Map(allTopics.filter((topic) => !unread.includes(topic)).map((topic) => [nameOf(topic, live), topic]));

function nameOf(topic: Topic, live: LiveVersions): string {
  const [app] = Object.entries(rebuildable).find(([, { state }]) => state.includes(topic)) ?? [];
  return app === undefined ? topic.name : versionTopic(topic, live[app] ?? 1).name;
}
