import { truthOfAll } from '../clause.ts';
import type { Evidence } from '../evidence.ts';
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

/** The first `countMax` policies, in deciding order, that match an image or may turn out to. Leaves out whatever comes after them. */
export function findSpeaking(set: CompiledSet, question: Question, countMax: number): readonly Policy[] {
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
  visitLists(set, question.evidence, isWanted, take);
  return found;
}

/** Whether one of the policies that are meant asks for nothing that an image does not have, its condition left aside. */
export function mayMatchOne(set: CompiledSet, evidence: Evidence, isMeant: (policy: Policy) => boolean): boolean {
  let isFound = false;
  const take = ({ policies }: PolicyList): void => {
    isFound ||= policies.some((policy) => isMeant(policy) && truthOfAll(policy.clauses, evidence) !== 'no');
  };
  visitLists(set, evidence, () => !isFound, take);
  return isFound;
}

/** Visits those policies alone to which the image's names and facts lead, as long as they are wanted. */
function visitLists(
  { index }: CompiledSet,
  evidence: Evidence,
  isWanted: (first: Policy) => boolean,
  take: (list: PolicyList) => void,
): void {
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
}

function lazy<T>(make: () => T): () => T {
  let made: T | undefined;
  return () => (made ??= make());
}
