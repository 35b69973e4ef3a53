import { canonical } from '../canonical.ts';
import { inOrder } from '../order.ts';
import type { Policy } from '../policy.ts';
import { findLiterals } from '../set/places.ts';
import { textOf } from './image.ts';
import { findImage } from './search.ts';
import { asItIs, everything, limitAll } from './space.ts';
import { alwaysSpeaks, type Work } from './work.ts';

/** What a policy says of images, however it chooses them and whatever it tells their pushers. */
export function sayingOf({ document: { spec } }: Policy): string {
  const { match: _match, priority: _priority, reason: _reason, ...saying } = spec;
  return canonical(saying);
}

/**
 * Two policies of one priority that say different things of an image that no third one takes from them. Priorities are there to say which
 * of two is meant; without them it is the specificity that decides, which an author may not expect, or the name, which none does.
 */
export function findOverlaps(work: Work): void {
  for (const group of Map.groupBy(work.set.policies.filter(alwaysSpeaks), ({ priority }) => priority).values()) {
    const sayings = new Map(group.map((policy) => [policy, sayingOf(policy)]));
    for (const [first, second] of pairsOf(group)) {
      if (sayings.get(first) === sayings.get(second)) continue;
      if (work.isFull()) work.skip('overlap', [first.id, second.id]);
      else compare(work, first, second);
    }
  }
}

function compare(work: Work, first: Policy, second: Policy): void {
  const witness = work.ask('overlap', [first.id, second.id], () => {
    const mine = limitAll(everything, first.clauses);
    const both = mine && limitAll(mine, second.clauses);
    if (both === undefined) return undefined;
    const blockerOf = (image: Parameters<typeof work.deciderOf>[0]) => {
      const decider = work.deciderOf(image);
      return decider === undefined || decider === first ? undefined : { policy: decider, view: asItIs };
    };
    return findImage(both, blockerOf, work.solver);
  });
  if (witness === undefined) return;
  const ids = [first.id, second.id];
  const what = `${first.id} and ${second.id} have the same priority and say different things of ${textOf(witness)}`;
  const next = `give the one that is meant a higher spec.priority`;
  const isDenial = first.document.spec.effect === 'deny';
  if (first.specificity !== second.specificity || isDenial) {
    const why = isDenial ? 'it denies' : 'it is more specific';
    work.report('POLICY_OVERLAP', ids, 'spec.match', witness, `${what}: ${first.id} decides, because ${why}; to make that plain, ${next}`);
  } else {
    const message = `${what}, and are as specific as each other: ${first.id} decides by nothing but its name; ${next}`;
    work.report('POLICY_CONTRADICTION', ids, 'spec.match', witness, message);
  }
}

type Outline = {
  readonly policy: Policy;
  readonly tags: readonly string[];
  readonly tenants: readonly string[] | undefined;
  readonly registries: readonly string[] | undefined;
};

/**
 * Pairs, in deciding order, that may have an image in common. Those of which the repositories begin differently are not even looked
 * at: sorted by what they begin with, whatever can meet an entry lies above it in a stack.
 */
function* pairsOf(policies: readonly Policy[]): Iterable<readonly [Policy, Policy]> {
  const starts = policies.flatMap((policy) => {
    const outline = outlineOf(policy);
    return startsOf(policy.repositories).map((start) => ({ start, outline }));
  });
  starts.sort((a, b) => (a.start < b.start ? -1 : a.start > b.start ? 1 : 0));
  const met = new Map<Policy, Set<Policy>>();
  const open: typeof starts = [];
  for (const entry of starts) {
    while (open.length > 0 && !entry.start.startsWith(open.at(-1)!.start)) open.pop();
    for (const { outline } of open) {
      if (outline.policy === entry.outline.policy || !canMeet(outline, entry.outline)) continue;
      const [first, second] = inOrder([outline.policy, entry.outline.policy]) as [Policy, Policy];
      const known = met.get(first) ?? new Set();
      met.set(first, known);
      if (known.has(second)) continue;
      known.add(second);
      yield [first, second];
    }
    open.push(entry);
  }
}

function outlineOf(policy: Policy): Outline {
  const { tenants } = policy.document.spec.match;
  return { policy, tags: startsOf(policy.tags), tenants, registries: findLiterals(policy.registries) };
}

const startsOf = (patterns: Policy['tags']): readonly string[] => [...new Set(patterns?.map(({ prefix }) => prefix) ?? [''])];

const canMeet = (a: Outline, b: Outline): boolean =>
  haveCommon(a.tenants, b.tenants) &&
  haveCommon(a.registries, b.registries) &&
  a.tags.some((start) => b.tags.some((other) => start.startsWith(other) || other.startsWith(start)));

const haveCommon = (a: readonly string[] | undefined, b: readonly string[] | undefined): boolean =>
  a === undefined || b === undefined || a.some((value) => b.includes(value));
