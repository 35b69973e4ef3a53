import type { Policy } from '../policy.ts';
import { BudgetExceeded } from '../pattern/find-name.ts';
import type { Image } from './image.ts';
import { limit, type Solver, type Space, type View } from './space.ts';

/** A policy that takes an image that was to be decided by another. */
export type Blocker = { readonly policy: Policy; readonly view: View };

/** Spaces looked into for one question: in the worst case their number is exponential in that of the policies involved. */
const spacesMax = 2_000;

/**
 * An image of a space that nothing blocks; undefined where there is none. Takes any image; where a policy blocks it, looks on in the
 * parts of the space for which one of that policy's clauses does not hold.
 * @throws BudgetExceeded
 */
export function findImage(space: Space, blockerOf: (image: Image) => Blocker | undefined, solver: Solver): Image | undefined {
  let spacesCount = 0;
  const look = (within: Space): Image | undefined => {
    spacesCount += 1;
    if (spacesCount > spacesMax) throw new BudgetExceeded('too many policies speak of the same images');
    const image = solver.solve(within);
    const blocker = image && blockerOf(image);
    if (image === undefined || blocker === undefined) return image;
    for (const clause of blocker.policy.clauses) {
      const outside = limit(within, clause, false, blocker.view);
      const found = outside && look(outside);
      if (found) return found;
    }
    return undefined;
  };
  return look(space);
}
