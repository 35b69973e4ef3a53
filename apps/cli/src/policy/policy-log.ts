import { createHash } from 'node:crypto';
import { setTimeout as sleep } from 'node:timers/promises';
import { topics, type Event, type EventOf } from '@waybill/domain';
import { decodeEvent, StreamError, type Codec, type EventLog, type LogRecord } from '@waybill/stream';

export type PolicyPublished = EventOf<'PolicyPublished'>;
export type PolicyEvent = PolicyPublished | EventOf<'PolicyRetired'>;

/** All that was ever said of policies. */
export type PolicyLog = {
  /** Oldest first. */
  readonly events: readonly PolicyEvent[];
  /** The newest of each id. */
  readonly newest: ReadonlyMap<string, PolicyEvent>;
  readonly inForce: ReadonlyMap<string, PolicyPublished>;
  /** Another after every change, also one that takes a change back: what a plan was made against. 12 hex digits. */
  readonly base: string;
};

/** As far as it is in the log now. */
export const readPolicyLog = async (log: EventLog, codec: Codec): Promise<PolicyLog> =>
  policyLogOf((await readPublished(log, codec)).filter(isOfPolicies));

/**
 * All that was ever published, oldest first, candidates among it. What cannot be read says nothing of what is in force, and is not in the
 * way of what is to be.
 */
export async function readPublished(log: EventLog, codec: Codec): Promise<readonly Event[]> {
  const events: Event[] = [];
  const take = async (records: readonly LogRecord[]): Promise<void> => {
    for (const record of records) {
      const event = await decodeEvent(codec, record).catch(unlessUndecodable);
      if (event !== undefined) events.push(event);
    }
  };
  for (let partition = 0; partition < log.partitions; partition++) {
    const place = { topic: topics.policies.name, partition };
    const { first, end } = await log.bounds(place);
    await log.read(place, { from: first, to: end }, take);
  }
  return events.toSorted((a, b) => a.meta.timeMs - b.meta.timeMs);
}

export function policyLogOf(events: readonly PolicyEvent[]): PolicyLog {
  const newest = new Map(events.map((event) => [event.data.policyId, event]));
  const inForce = new Map([...newest].flatMap(([id, event]) => (event.type === 'PolicyPublished' ? [[id, event]] : [])));
  const ids = [...newest.values()].map(({ meta }) => meta.id).toSorted();
  return { events, newest, inForce, base: createHash('sha256').update(ids.join('\n')).digest('hex').slice(0, 12) };
}

function unlessUndecodable(error: unknown): undefined {
  if (!(error instanceof StreamError) || error.code !== 'RECORD_UNDECODABLE') throw error;
}

/** Candidates are never in force, and no part of the history of what is. */
export const isOfPolicies = (event: Event): event is PolicyEvent => event.type === 'PolicyPublished' || event.type === 'PolicyRetired';

const settledMsMax = 15_000;
const pauseMs = 100;

/** Resolves when no transaction on policies is under way; whoever fences the writer before makes sure that one ends. */
export async function untilSettled(log: EventLog): Promise<void> {
  const deadline = Date.now() + settledMsMax;
  for (let partition = 0; partition < log.partitions; partition++) {
    while (await log.hasOpenTransaction({ topic: topics.policies.name, partition })) {
      if (Date.now() > deadline)
        throw new StreamError('LOG_UNAVAILABLE', 'a change of policies has no end in the log yet: repeat this later');
      await sleep(pauseMs);
    }
  }
}
