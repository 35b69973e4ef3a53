import { tagKey, topics, type DecisionDiffered, type Event, type EventOf, type Verdict } from '@waybill/domain';
import type { Codec, EventLog } from '@waybill/stream';
import { inTurn } from './backtest.ts';
import { eventsIn } from './recorded-decision.ts';
import type { RunningShadow } from './shadow.ts';

/** Where a candidate decides otherwise now, and how far it was compared. */
export type Differences = {
  readonly partitions: number;
  /** Of which all tags that were decided before have been compared. */
  readonly comparedPartitions: number;
  /** Why nothing can be decided by the candidate; each once. */
  readonly faults: readonly string[];
  readonly changedCount: number;
  /** How many of each kind of difference, the most frequent first. */
  readonly counts: readonly { readonly kind: string; readonly count: number }[];
  /** Some of each kind, in turn. */
  readonly examples: readonly DecisionDiffered[];
};

export type DifferencesWanted = {
  /** Only what was told since; Unix ms. */
  readonly sinceMs: number;
  readonly examplesMax: number;
};

const all = { topic: topics.differences.name, key: undefined };

type OfShadow = EventOf<'DecisionDiffered' | 'DecisionAgreed' | 'CandidateCompared'>;
const isOfShadow = (event: Event): event is OfShadow =>
  event.type === 'DecisionDiffered' || event.type === 'DecisionAgreed' || event.type === 'CandidateCompared';

/** Where a record lies, and what it says in a word: of a million tags no more is kept in memory. */
type Found = { readonly kind: string; readonly partition: number; readonly offset: number };

export async function readDifferences(
  log: EventLog,
  codec: Codec,
  { shadowId }: Pick<RunningShadow, 'shadowId'>,
  { sinceMs, examplesMax }: DifferencesWanted,
): Promise<Differences> {
  const open = new Map<string, Found>();
  const faults = new Map<number, string>();
  for (let partition = 0; partition < log.partitions; partition++)
    for await (const { event, offset } of eventsIn(log, codec, { ...all, partition })) {
      if (!isOfShadow(event) || event.data.shadowId !== shadowId) continue;
      if (event.type === 'CandidateCompared') faults.set(event.data.partition, event.data.fault);
      else if (event.type === 'DecisionAgreed') open.delete(tagKey(event.data, event.data.tag));
      else {
        const key = tagKey(event.data, event.data.tag);
        if (event.data.evaluatedAtMs < sinceMs) open.delete(key);
        else open.set(key, { kind: kindOf(event.data), partition, offset });
      }
    }
  const kinds = [...Map.groupBy(open.values(), ({ kind }) => kind)].toSorted(([, a], [, b]) => b.length - a.length);
  const shown = inTurn(kinds.map(([, found]) => found.slice(0, examplesMax))).slice(0, examplesMax);
  const examples: DecisionDiffered[] = [];
  for (const { partition, offset } of shown)
    for await (const { event } of eventsIn(log, codec, { ...all, partition, range: { from: offset, to: offset + 1 } }))
      if (event.type === 'DecisionDiffered') examples.push(event.data);
  return {
    partitions: log.partitions,
    comparedPartitions: faults.size,
    faults: [...new Set(faults.values())].filter((fault) => fault !== ''),
    changedCount: open.size,
    counts: kinds.map(([kind, found]) => ({ kind, count: found.length })),
    examples,
  };
}

/** `allow -> deny`, or what else differs where the outcome is the same. */
export function kindOf({ active, shadow }: Pick<DecisionDiffered, 'active' | 'shadow'>): string {
  if (active.outcome !== shadow.outcome) return `${active.outcome} -> ${shadow.outcome}`;
  if (active.admission?.outcome !== shadow.admission?.outcome) return `may run: ${admissionOf(active)} -> ${admissionOf(shadow)}`;
  return 'to other targets';
}

const admissionOf = ({ admission }: Verdict): string => admission?.outcome ?? 'nobody says';
