import type { DecisionState } from '@waybill/domain';
import { toldOutcome } from './told-outcome.ts';

export type EarlierCopies = Pick<DecisionState, 'earlierImages' | 'earlierBytes'>;

export const noEarlierCopies: EarlierCopies = { earlierImages: 0, earlierBytes: 0 };

/**
 * What decisions on a tag up to this row have sent out, where the next one sends it elsewhere or nowhere. It is counted in its tenant's
 * usage until it is replaced or deleted: without it, a full quota would let no tag move on, and take back what filled it.
 * @param sizeBytes Of the digest that the row is about
 */
export function copiesUpTo(row: DecisionState, sizeBytes: number | null): EarlierCopies {
  const { earlierImages, earlierBytes, targets } = row;
  if (toldOutcome(row) !== 'allow' || targets.length === 0) return { earlierImages, earlierBytes };
  return { earlierImages: targets.length, earlierBytes: targets.length * (sizeBytes ?? 0) };
}
