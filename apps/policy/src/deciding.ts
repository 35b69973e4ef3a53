import { tagKey, type DecisionState, type ImageDecided, type ImageEvidence } from '@waybill/domain';
import type { Emit } from '@waybill/stream';
import { decidedEvent } from './decided-event.ts';
import type { Draft } from './draft.ts';
import { judge, type Judgement, type Occasion } from './judge.ts';
import type { InForce } from './in-force.ts';
import { noteDenial } from './quota-denials.ts';
import { reviewTimer } from './reviews.ts';
import { agreedEvent, differedEvent } from './shadow/difference-events.ts';
import { toldBy } from './shadow/compare.ts';

/** What a decision is made with beside rows: the policies in force, the moment, and the id that an event will have. */
export type Deciding = { readonly draft: Draft; readonly set: InForce; readonly atMs: number; readonly idOf: (emit: Emit) => string };

/**
 * Decides a tag anew and keeps the result in its row, with a timer for the moment at which time alone may change it. An event follows
 * only where outcome or targets are others than they were told to be for this digest, so that repeats, redeliveries and later scans that
 * say the same stay silent; and so does a hold that takes nothing back.
 */
export function decide(deciding: Deciding, row: DecisionState, evidence: ImageEvidence, occasion: Occasion): void {
  const { draft, set } = deciding;
  const atMs = momentOf(deciding, row);
  const judgement = judge(set, row, evidence, atMs, () => draft.pulls(row)?.places ?? []);
  noteDenial(draft, row, judgement.decision);
  const next = judgement.row;
  if (next.reviewAtMs !== row.reviewAtMs) draft.schedule(tagKey(row, row.tag), next.reviewAtMs === null ? null : reviewTimer(next));
  const told = judgement.isNews ? tell(deciding, row, evidence, { ...judgement, occasion }) : next;
  draft.putDecision(told);
  tellDifference({ ...deciding, atMs }, { before: row, row: told, evidence }, judgement);
}

/** @returns the row with the id of the event */
function tell(
  { draft, set, idOf }: Deciding,
  row: DecisionState,
  evidence: ImageEvidence,
  judgement: Judgement & { readonly occasion: Occasion },
): DecisionState {
  const emit = decidedEvent(set, row, evidence, judgement);
  draft.emit(emit);
  for (const what of notesOn(emit.event.data, judgement.occasion)) draft.note(what);
  return { ...judgement.row, decisionEventId: idOf(emit) };
}

function tellDifference(
  { draft, set, atMs }: Deciding,
  { before, row, evidence }: { readonly before: DecisionState; readonly row: DecisionState; readonly evidence: ImageEvidence },
  { beside, ...active }: Judgement,
): void {
  const { shadow } = set;
  if (beside.hasFailed) draft.note('candidate failed');
  const { news, ruling, facts } = beside;
  if (shadow === undefined || news === undefined) return;
  draft.note(`candidate ${news}`);
  if (news === 'agrees') draft.emit(agreedEvent(shadow, before, 'both decide it alike', atMs));
  if (ruling === undefined || facts === undefined) return; // Nothing differs.
  draft.emit(differedEvent(set, shadow, row, { active, shadow: ruling, evidence, facts, atMs }));
}

/** Of a tag of which nothing is decided any more nothing differs. */
export function endDifference({ draft, set: { shadow }, atMs }: Deciding, row: DecisionState, reason: string): void {
  if (shadow === undefined || toldBy(shadow, row) === '') return;
  draft.note('candidate agrees');
  draft.emit(agreedEvent(shadow, row, reason, atMs));
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
