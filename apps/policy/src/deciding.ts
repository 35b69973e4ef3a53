import { tagKey, type DecisionState, type ImageDecided, type ImageEvidence } from '@waybill/domain';
import type { Emit } from '@waybill/stream';
import { decidedEvent } from './decided-event.ts';
import type { Draft } from './draft.ts';
import { judge, type Occasion } from './judge.ts';
import type { PolicySet } from './policy-set.ts';
import { reviewTimer } from './reviews.ts';

/** What a decision is made with beside rows: the policies in force, the moment, and the id that an event will have. */
export type Deciding = { readonly draft: Draft; readonly set: PolicySet; readonly atMs: number; readonly idOf: (emit: Emit) => string };

/**
 * Decides a tag anew and keeps the result in its row, with a timer for the moment at which time alone may change it. An event follows
 * only where outcome or targets are others than they were told to be for this digest, so that repeats, redeliveries and later scans that
 * say the same stay silent; and so does a hold that takes nothing back.
 */
export function decide(deciding: Deciding, row: DecisionState, evidence: ImageEvidence, occasion: Occasion): void {
  const { draft, set } = deciding;
  const judgement = judge(set, row, evidence, momentOf(deciding, row));
  const next = judgement.row;
  if (next.reviewAtMs !== row.reviewAtMs) draft.schedule(tagKey(row, row.tag), next.reviewAtMs === null ? null : reviewTimer(next));
  if (!judgement.isNews) return draft.putDecision(next);
  const emit = decidedEvent(set, row, evidence, { ...judgement, occasion });
  draft.emit(emit);
  for (const what of notesOn(emit.event.data, occasion)) draft.note(what);
  draft.putDecision({ ...next, decisionEventId: deciding.idOf(emit) });
}

/** What is counted of a decision. */
const notesOn = ({ outcome, retroactive, admission }: ImageDecided, occasion: Occasion): readonly string[] => [
  `${outcome} by ${occasion}`,
  ...(retroactive ? ['taken back'] : []),
  ...(admission?.retroactive === true && admission.isAboutRunning ? ['running taken back'] : []),
];

/** Decisions about a tag have rising times, whatever clock wrote the input: whoever acts on them can tell which is newer. */
const momentOf = ({ atMs }: Pick<Deciding, 'atMs'>, { changedAtMs, decisionEventId }: DecisionState): number =>
  Math.max(atMs, decisionEventId === null ? changedAtMs : changedAtMs + 1);
