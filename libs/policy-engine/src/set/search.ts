import { matchPolicy } from '../match.ts';
import { compareInOrder } from '../order.ts';
import type { Policy } from '../policy.ts';
import type { Question } from '../surroundings.ts';
import type { CompiledSet, NamesNode, TagsNode } from './compiled-set.ts';
import { branchKeysOf, searchFacts, type FactSearch } from './fact-tree.ts';
import type { Leaf } from './leaf.ts';
import { eachValue } from './name-tree.ts';
import { backwards, nameEnd } from './places.ts';
import { placeOf, type PolicyList } from './ranked.ts';

/**
 * The first `countMax` policies, in deciding order, that match an image or may turn out to. Looks at those alone to which the image's
 * names and facts lead, and leaves out whatever comes after what it has found.
 */
export function findSpeaking({ index }: CompiledSet, question: Question, countMax: number): readonly Policy[] {
  const { evidence } = question;
  const found: Policy[] = [];
  const isWanted = (policy: Policy): boolean => found.length < countMax || compareInOrder(policy, found.at(-1)!) < 0;
  const take = ({ policies }: PolicyList): void => {
    for (const policy of policies) {
      if (!isWanted(policy)) return;
      // One with lists lies at several places.
      if (found.includes(policy) || matchPolicy(policy, question) === 'no') continue;
      found.splice(placeOf(policy, found), 0, policy);
      if (found.length > countMax) found.pop();
    }
  };
  const keys = lazy(() => branchKeysOf(evidence));
  const repository = evidence.repository + nameEnd;
  const tag = evidence.tag + nameEnd;
  const repositoryBackwards = lazy(() => backwards(evidence.repository));
  const tagBackwards = lazy(() => backwards(evidence.tag));
  const inspected: FactSearch<PolicyList> = { evidence, keys, isWanted, visit: take };
  // Without an inspection all of them may match, in deciding order; with one, those that ask for what it found.
  const visitLeaf = (leaf: Leaf): void => {
    if (leaf.byFacts === undefined || evidence.inspection.status !== 'done') take(leaf);
    else searchFacts(leaf.byFacts, inspected);
  };
  const visitTags = (tags: TagsNode): void => eachValue(tags, tag, tagBackwards, isWanted, visitLeaf);
  const owned: FactSearch<NamesNode> = {
    ...{ evidence, keys, isWanted },
    visit: (names) => eachValue(names, repository, repositoryBackwards, isWanted, visitTags),
  };
  if (index !== undefined) searchFacts(index, owned);
  return found;
}

function lazy<T>(make: () => T): () => T {
  let made: T | undefined;
  return () => (made ??= make());
}
