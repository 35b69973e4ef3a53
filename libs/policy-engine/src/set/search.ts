import type { Evidence } from '../evidence.ts';
import { matchPolicy } from '../match.ts';
import { compareInOrder } from '../order.ts';
import type { Policy } from '../policy.ts';
import type { CompiledSet } from './compiled-set.ts';
import { branchKeysOf, placeOf, searchFacts } from './fact-tree.ts';
import { nameEnd } from './places.ts';
import { eachPrefix } from './prefix-tree.ts';

/**
 * The first `countMax` policies, in deciding order, that match an image or may turn out to. Looks at those alone to which the image's
 * names and facts lead, and leaves out whatever comes after what it has found.
 */
export function findSpeaking({ index }: CompiledSet, evidence: Evidence, countMax: number): readonly Policy[] {
  const found: Policy[] = [];
  const isWanted = (policy: Policy): boolean => found.length < countMax || compareInOrder(policy, found.at(-1)!) < 0;
  const take = (own: readonly Policy[]): void => {
    for (const policy of own) {
      if (!isWanted(policy)) return;
      // One with lists lies at several places.
      if (found.includes(policy) || matchPolicy(policy, evidence) === 'no') continue;
      found.splice(placeOf(policy, found), 0, policy);
      if (found.length > countMax) found.pop();
    }
  };
  let keys: readonly string[] | undefined;
  const facts = { evidence, keys: () => (keys ??= branchKeysOf(evidence)), isWanted, take };
  eachPrefix(index, evidence.repository + nameEnd, isWanted, (tags) =>
    eachPrefix(tags, evidence.tag + nameEnd, isWanted, (node) => searchFacts(node, facts)),
  );
  return found;
}
