import { tagKey, targetText } from '@waybill/domain';
import { evaluate, type Decision, type Evidence, type Rulebook } from '@waybill/policy-engine';

/** An image that would be decided otherwise. */
export type Shift = { readonly image: string; readonly before: Verdict; readonly after: Verdict };
export type Verdict = Pick<Decision, 'outcome' | 'policyId' | 'reason'> & { readonly targets: readonly string[] };

export type Backtest = {
  readonly imagesCount: number;
  readonly changedCount: number;
  /** `allow -> deny` and how many; the most frequent first. */
  readonly counts: readonly { readonly from: Decision['outcome']; readonly to: Decision['outcome']; readonly count: number }[];
  /** The first of each kind of change, in turn. */
  readonly examples: readonly Shift[];
};

const examplesMax = 20;

/** Decides the same images by two sets at the same moment, so that only what the policies change is seen. Pure. */
export function backtest(before: Rulebook, after: Rulebook, images: readonly Evidence[], atMs: number): Backtest {
  const shifts = new Map<string, { count: number; readonly examples: Shift[] }>();
  for (const evidence of images) {
    const was = evaluate(before.replication, evidence, atMs);
    const is = evaluate(after.replication, evidence, atMs);
    if (was.outcome === is.outcome && textOf(was) === textOf(is)) continue;
    const kind = `${was.outcome} ${is.outcome}`;
    const known = shifts.get(kind) ?? { count: 0, examples: [] };
    shifts.set(kind, known);
    known.count += 1;
    const { registry, repository, tag } = evidence;
    if (known.examples.length < examplesMax)
      known.examples.push({ image: tagKey({ registry, repository }, tag), before: verdictOf(was), after: verdictOf(is) });
  }
  const counts = [...shifts].map(([kind, { count }]) => {
    const [from, to] = kind.split(' ') as [Decision['outcome'], Decision['outcome']];
    return { from, to, count };
  });
  return {
    imagesCount: images.length,
    changedCount: counts.reduce((sum, { count }) => sum + count, 0),
    counts: counts.toSorted((a, b) => b.count - a.count),
    examples: inTurn([...shifts.values()].map(({ examples }) => examples)).slice(0, examplesMax),
  };
}

const textOf = ({ targets }: Decision): string => targets.map(targetText).join(' ');

const verdictOf = ({ outcome, policyId, reason, targets }: Decision): Verdict => {
  return { outcome, policyId, reason, targets: targets.map(targetText) };
};

function inTurn<T>(lists: readonly (readonly T[])[]): readonly T[] {
  const longest = Math.max(0, ...lists.map(({ length }) => length));
  return Array.from({ length: longest }, (_, at) => lists.flatMap((list) => list.slice(at, at + 1))).flat();
}
