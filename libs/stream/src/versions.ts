import type { Topic } from '@waybill/domain';
import type { Topology } from './topology.ts';

/** A version is a number in names of groups, topics and folders. */
export const versionMax = 999;

/** What an app is called in events, whichever version or copy of it runs. */
export const appOf = ({ app, group }: Pick<Topology, 'app' | 'group'>): string => app ?? group;

export const versionGroup = (app: string, version: number): string => (version === 1 ? app : `${app}.v${version}`);

/** The topic of the same rows for a version: `waybill.catalog.v1` is `waybill.catalog.v2`. */
export function versionTopic(topic: Topic, version: number): Topic {
  if (!ending.test(topic.name)) throw new Error(`${topic.name} has no version in its name: another one would write into it too`);
  return { ...topic, name: topic.name.replace(ending, `.v${version}`) };
}

const ending = /[.]v\d+$/;

/**
 * A version of an app beside the others: its own group, rows and marks, the same inputs and outputs. Version 1 is the topology as it is.
 * Which version's events go out is not said here, but in `waybill.projections.v1`: see `projection.ts`.
 * @throws Error for a version out of bounds, and for an app whose rows do not follow from what it reads
 */
export function versioned(topology: Topology, version: number): Topology {
  if (!Number.isInteger(version) || version < 1 || version > versionMax)
    throw new Error(`version ${version} of ${topology.group} is none of 1 to ${versionMax}`);
  if (version === 1) return topology;
  refuseNotRebuildable(topology);
  const own = (topic: Topic): Topic => versionTopic(topic, version);
  const each = <T, U>(named: Readonly<Record<string, T>>, change: (value: T) => U): Readonly<Record<string, U>> =>
    Object.fromEntries(Object.entries(named).map(([name, value]) => [name, change(value)]));
  return {
    ...topology,
    app: appOf(topology),
    version,
    group: versionGroup(appOf(topology), version),
    stores: each(topology.stores, own),
    held: own(topology.held),
    ...(topology.jobTopic && { jobTopic: own(topology.jobTopic) }),
    ...(topology.marks && { marks: each(topology.marks, (spec) => ({ ...spec, topic: own(spec.topic) })) }),
  };
}

/** What a version of an app writes for itself alone. */
export const stateTopicsOf = ({ stores, marks = {}, jobTopic, held }: Topology): readonly Topic[] => [
  ...Object.values(stores),
  ...Object.values(marks).map(({ topic }) => topic),
  ...(jobTopic ? [jobTopic] : []),
  held,
];

function refuseNotRebuildable({ group, rebuild, jobs = {}, inputs }: Topology): void {
  const refuse = (why: string): never => {
    throw new Error(`${group} cannot be rebuilt beside itself: ${why}; run its new version in its place`);
  };
  if (rebuild !== 'inputs') refuse('it does not say that its rows follow from its inputs alone');
  if (Object.keys(jobs).length > 0) refuse('its rows come from jobs, whose results are not among its inputs');
  const forgetful = inputs.find(({ retentionMs }) => retentionMs !== -1);
  if (forgetful) refuse(`${forgetful.name} keeps records for ${forgetful.retentionMs} ms only`);
}
