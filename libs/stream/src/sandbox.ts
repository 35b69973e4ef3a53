import { topics, type Topic } from '@waybill/domain';
import { StreamError } from './errors.ts';
import type { EventLog, NewRecord, TopicPartition, Writer } from './event-log.ts';
import type { Topology } from './topology.ts';
import { appOf, stateTopicsOf } from './versions.ts';

const mark = '--sandbox-';
const nameForm = /^[a-z0-9]+(?:-[a-z0-9]+)*$/;
const nameLengthMax = 40;
/** What was forgotten is not dropped, but it does not fill the disk either. */
const sandboxRetentionMs = 7 * 24 * 60 * 60 * 1_000;

/** @throws Error for a name that could not stand in those of topics, groups and folders */
export function parseSandbox(text: string): string {
  if (text.length <= nameLengthMax && nameForm.test(text)) return text;
  throw new Error(`${JSON.stringify(text)} is no name for a sandbox: write at most ${nameLengthMax} of a-z, 0-9 and single dashes`);
}

/** What a topic or a group is called in a sandbox. */
export const sandboxName = (name: string, sandbox: string): string => `${name}${mark}${parseSandbox(sandbox)}`;

/** Of which sandbox a topic or group is, and what it stands for; `undefined` for one that is of none. */
export function findSandbox(name: string): { readonly name: string; readonly sandbox: string } | undefined {
  const at = name.indexOf(mark);
  const sandbox = name.slice(at + mark.length);
  return at > 0 && nameForm.test(sandbox) ? { name: name.slice(0, at), sandbox } : undefined;
}

/** The app as it runs in a sandbox: under a group of its own, saying what it would say, and beside no other version. */
export function sandboxed(topology: Topology, sandbox: string): Topology {
  const { rebuild: _rebuild, ...rest } = topology;
  return { ...rest, app: appOf(topology), group: sandboxName(appOf(topology), sandbox) };
}

/** Everything that an app may write to. */
const writtenTopics = (topology: Topology): readonly Topic[] => [...stateTopicsOf(topology), ...topology.outputs, topics.parked];

/** The topics that a sandbox needs, to be created. */
export const sandboxTopics = (topology: Topology, sandbox: string): readonly Topic[] =>
  writtenTopics(topology).map((topic) => ({ ...topic, name: sandboxName(topic.name, sandbox), retentionMs: sandboxRetentionMs }));

/**
 * The log as an app in a sandbox has it. What it writes goes into the sandbox's topics, whatever it calls them, and its own rows are
 * read from there; all else is read where it is. The wall is a list of what may pass: no name is written that does not end in that of
 * the sandbox, no writer and no offsets are those of another group, and no group is joined.
 * @param topology as `sandboxed` gives it
 * @throws StreamError `SANDBOX_REFUSED` from whatever would reach outside
 */
export function inSandbox(log: EventLog, topology: Topology, sandbox: string): EventLog {
  const written = new Map(writtenTopics(topology).map(({ name }) => [name, sandboxName(name, sandbox)]));
  const called = new Map([...written].map(([name, inside]) => [inside, name]));
  const state = new Set(stateTopicsOf(topology).map(({ name }) => name));
  const own = ({ topic, partition }: TopicPartition): TopicPartition =>
    ({ topic: state.has(topic) ? sandboxName(topic, sandbox) : topic, partition }); // prettier-ignore
  const refuse = (what: string): never => {
    throw new StreamError('SANDBOX_REFUSED', `${topology.group} may not ${what}: it would reach outside of the sandbox`);
  };
  const refuseOther = (group: string): void => {
    if (group !== topology.group || findSandbox(group)?.sandbox !== sandbox) refuse(`act as the group ${group}`);
  };
  const confine = (record: NewRecord): NewRecord => {
    const topic = written.get(record.topic) ?? refuse(`write to ${record.topic}`);
    const { partition, key, value, headers, headerBytes, timestampMs } = record; // One by one: some are getters of a class.
    return { topic, partition, key, value, headers, headerBytes, ...(timestampMs !== undefined && { timestampMs }) };
  };
  const confined = (writer: Writer): Writer => ({
    async commit({ records, ...transaction }) {
      const next = await writer.commit({ ...transaction, records: records.map(confine) });
      return new Map([...next].map(([topic, offset]) => [called.get(topic)!, offset]));
    },
    close: () => writer.close(),
  });
  return {
    partitions: log.partitions,
    partitionOf: (key) => log.partitionOf(key),
    joinGroup: async ({ group }) => refuse(`join the group ${group}`),
    async openWriter(group, partition, signal) {
      refuseOther(group);
      return confined(await log.openWriter(group, partition, signal));
    },
    async committed(group, names, partition, signal) {
      refuseOther(group);
      return log.committed(group, names, partition, signal);
    },
    bounds: (place, signal) => log.bounds(own(place), signal),
    offsetAt: (place, timestampMs, signal) => log.offsetAt(own(place), timestampMs, signal),
    hasOpenTransaction: (place, signal) => log.hasOpenTransaction(own(place), signal),
    read: (place, range, onRecords, signal) => log.read(own(place), range, onRecords, signal),
    follow: (options) => log.follow(options),
    close: () => log.close(),
  };
}
