import { topics, type Event } from '@waybill/domain';
import { encodeEvent, StreamError, type Codec, type EventLog } from '@waybill/stream';
import { CliError, exitCodes } from '../exit.ts';
import { eventsOf, type Occasion, type Plan } from './plan.ts';
import { isOfPolicies, policyLogOf, readPublished, untilSettled, type PolicyEvent } from './policy-log.ts';

/** One writer for all: opening it fences whoever was publishing before. */
const writerGroup = 'policy-publishing';
const triesMax = 3;

/**
 * Carries a plan out, all of it or nothing.
 *
 * @returns what is in the log now; nothing where nothing had to be said
 * @throws PlanOutdated where the log is no longer the one that the plan was made against, or somebody else is at it
 * @throws StreamError `LOG_UNAVAILABLE`; what is in the log then, another try finds out
 */
export async function publishPlan(log: EventLog, codec: Codec, plan: Plan, occasion: Occasion): Promise<readonly PolicyEvent[]> {
  if (plan.changes.length === 0) return [];
  return publishAlone(log, codec, (published) => {
    const now = policyLogOf(published.filter(isOfPolicies));
    if (now.base !== plan.base) throw new PlanOutdated(`the plan was made against ${plan.base}, and the log is at ${now.base}`);
    return eventsOf(now, plan, occasion);
  });
}

/**
 * One transaction, of the only writer that there is, after a look at the log behind which nobody else can write any more.
 * @param make Events for what is in the log now, all with the same ids when it is asked again; the subject of each is its key
 */
export async function publishAlone<E extends Event>(
  log: EventLog,
  codec: Codec,
  make: (published: readonly Event[]) => readonly E[],
): Promise<readonly E[]> {
  let sent: readonly E[] = [];
  for (let tries = 1; ; tries++) {
    try {
      const writer = await log.openWriter(writerGroup, 0);
      try {
        await untilSettled(log);
        const published = await readPublished(log, codec);
        // An answer was lost, and what it was about has arrived.
        if (sent.length > 0 && published.some(({ meta }) => meta.id === sent[0]!.meta.id)) return sent;
        sent = make(published);
        const records = sent.map((event) => {
          const key = event.meta.subject;
          return encodeEvent(codec, { topic: topics.policies, partition: log.partitionOf(key), key }, event);
        });
        await writer.commit({ records, consumed: new Map(), partition: 0 });
        return sent;
      } finally {
        await writer.close();
      }
    } catch (error) {
      const code = error instanceof StreamError ? error.code : undefined;
      if (code === 'FENCED') throw new PlanOutdated('somebody else is publishing policies at this moment', error);
      if (code !== 'COMMIT_UNCERTAIN' || tries === triesMax) throw error;
    }
  }
}

/** Somebody else has published since. Nothing of the plan is in the log. */
export class PlanOutdated extends CliError {
  constructor(what: string, cause?: unknown) {
    super(
      exitCodes.no,
      `${what}; nothing was published`,
      'See what is new with `waybill policy history`, make a new plan with `waybill policy plan`, then repeat.',
      { cause },
    );
  }
}
