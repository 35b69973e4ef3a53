import type { DecisionState, PolicySweep } from '@waybill/domain';
import { mayConcern } from '@waybill/policy-engine';
import type { Context } from '@waybill/stream';
import { differs, judge } from './deciding.ts';
import type { Draft } from './draft.ts';
import type { PolicySet } from './policy-set.ts';
import { reviewRequest } from './reviews.ts';

/**
 * When other documents come into force, the tags of a partition are gone through in the background, a part per timer, and those that
 * would now be decided otherwise are asked to be. Where it stands is a row: a kill -9 costs nothing.
 *
 * Nothing is decided by a version that the row does not name. So between the versions it names lie all changes that a tag here may have
 * missed, and a tag that none of them concerns needs no look. A version that comes meanwhile moves the end to where the sweep stands
 * now, the way round: it need not begin anew, and ends however fast documents change.
 */
const sweepKey = '@sweep';
const timerOf = (partition: number): string => `sweep/${partition}`;

/** Of one step. So many keys are passed by, or so many tags decided, in a few ms. */
export const sweepBounds = { keysMax: 2_000, decidedMax: 200, versionsMax: 8 } as const;

/** Stands for whatever was in force before; no set has it. */
const anyVersion = '';

/** Must be called before anything is decided by a set. */
export function noteVersion(context: Context, draft: Draft, { rulebook: { version } }: PolicySet, partition: number): void {
  const known = context.get('evidence', sweepKey, 'PolicySweep');
  if (known?.versions.at(-1) === version) return;
  const versions = known === undefined || known.versions.length >= sweepBounds.versionsMax ? [anyVersion] : known.versions;
  const stand = known?.after ?? '';
  putSweep(draft, { versions: [...versions, version], after: stand, until: null, again: stand === '' ? null : stand });
  scheduleSweep(draft, timerOf(partition));
}

const putSweep = (draft: Draft, data: PolicySweep): void =>
  draft.put({ store: 'evidence', key: sweepKey, row: { type: 'PolicySweep', data } });

const scheduleSweep = (draft: Draft, id: string): void => draft.schedule(id, { kind: 'sweep', key: id, payload: null });

/** Goes on for one step. @returns why nothing follows, where nothing does */
export function sweep(context: Context, draft: Draft, set: PolicySet, timer: { readonly id: string; readonly atMs: number }): string {
  const known = context.get('evidence', sweepKey, 'PolicySweep');
  if (known?.after === null || known === undefined) return 'all tags have been compared with the policies';
  const changed = set.changedOver(known.versions);
  const keys = context.keys('decisions', { limit: sweepBounds.keysMax, ...(known.after !== '' && { after: known.after }) });
  let decidedCount = 0;
  let after = known.after;
  let isAtEnd = keys.length < sweepBounds.keysMax;
  for (const key of keys) {
    if (known.until !== null && isBehind(key, known.until)) {
      isAtEnd = true;
      break;
    }
    if (decidedCount >= sweepBounds.decidedMax) {
      isAtEnd = false;
      break;
    }
    after = key;
    if (changed !== undefined && !mayConcern(changed, namesOf(key))) continue;
    decidedCount += 1;
    compare(context, draft, set, key, timer.atMs);
  }
  if (!isAtEnd) putSweep(draft, { ...known, after });
  else if (known.again !== null) putSweep(draft, { ...known, after: '', until: known.again, again: null });
  else putSweep(draft, { versions: known.versions.slice(-1), after: null, until: null, again: null });
  if (!isAtEnd || known.again !== null) scheduleSweep(draft, timer.id);
  return isAtEnd && known.again === null ? 'all tags have been compared with the policies' : 'no tag of this part is decided otherwise';
}

function compare(context: Context, draft: Draft, set: PolicySet, key: string, atMs: number): void {
  const row = context.get('decisions', key, 'DecisionState');
  if (row === undefined || row.digest === '' || row.status === 'deleted') return;
  const evidence = draft.evidence(row, row.digest);
  if (evidence === undefined) return;
  const { isNews, row: next } = judge(set, row, evidence, Math.max(atMs, row.changedAtMs));
  if (isNews || differs(row, next)) draft.emit(reviewRequest(row, 'policies', set.rulebook.version, atMs));
}

/** Of a key as `tagKey` makes it. */
function namesOf(key: string): Pick<DecisionState, 'registry' | 'repository' | 'tag'> {
  const [slash, colon] = [key.indexOf('/'), key.lastIndexOf(':')];
  return { registry: key.slice(0, slash), repository: key.slice(slash + 1, colon), tag: key.slice(colon + 1) };
}

const isBehind = (a: string, b: string): boolean => Buffer.compare(Buffer.from(a), Buffer.from(b)) > 0;
