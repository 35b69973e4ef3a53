import { createHash } from 'node:crypto';
import { targetText, type DecisionState } from '@waybill/domain';
import type { Evidence, Rulebook } from '@waybill/policy-engine';
import type { Ruling } from '../ruling.ts';
import type { Shadow } from './read-shadow.ts';

/** What comes of deciding a tag by a candidate beside the policies in force. */
export type Beside = {
  /** As the candidate rules; undefined where it does not. */
  readonly ruling: Ruling | undefined;
  /** Whether it should have ruled, and could not. */
  readonly hasFailed: boolean;
  /** As it is to be kept in the row. */
  readonly toldDifference: string;
  /** What has to be told: a difference where there was none, another difference, or that there is none any more. */
  readonly news: 'differs' | 'differs otherwise' | 'agrees' | undefined;
  /** What both were made from; of a difference that has to be told. */
  readonly facts: Evidence | undefined;
};

/** How to decide a tag, from the same facts at the same moment as the policies in force did. */
export type Rules = { readonly ruleBy: (rulebook: Rulebook) => Ruling; readonly factsOfBoth: () => Evidence };

/** Pure, and total whatever the candidate does: nothing that is wrong with it reaches what is in force. */
export function compare(shadow: Shadow | undefined, row: DecisionState, active: Ruling, { ruleBy, factsOfBoth }: Rules): Beside {
  const silent = { ruling: undefined, hasFailed: false, toldDifference: row.toldDifference, news: undefined, facts: undefined };
  if (shadow === undefined || shadow.rulebook === null) return silent;
  try {
    const ruling = ruleBy(shadow.rulebook);
    const [was, is] = [toldBy(shadow, row), differenceOf(shadow, row, active, ruling)];
    if (was === is) return { ...silent, ruling };
    if (is === '') return { ...silent, ruling, toldDifference: is, news: 'agrees' };
    return { ...silent, ruling, toldDifference: is, news: was === '' ? 'differs' : 'differs otherwise', facts: factsOfBoth() };
  } catch {
    return { ...silent, hasFailed: true };
  }
}

/** What was told of this shadow; what was of another counts for nothing. */
export const toldBy = ({ id }: Shadow, { toldDifference }: Pick<DecisionState, 'toldDifference'>): string =>
  toldDifference.startsWith(`${id} `) ? toldDifference : '';

/** The same for the same results about the same digest, whichever policies they come from and whatever their reasons. */
function differenceOf({ id }: Shadow, { digest }: DecisionState, active: Ruling, shadow: Ruling): string {
  const [one, other] = [active, shadow].map(resultOf);
  if (one === other) return '';
  return `${id} ${createHash('sha256')
    .update(JSON.stringify([digest, one, other]))
    .digest('hex')}`;
}

const resultOf = ({ decision, admission }: Ruling): string =>
  JSON.stringify([decision.outcome, decision.targets.map(targetText), admission?.outcome ?? null]);
