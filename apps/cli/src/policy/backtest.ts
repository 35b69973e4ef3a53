import { tagKey, targetText } from '@waybill/domain';
import { evaluate, type CompiledSet, type Decision, type Evidence, type Rulebook } from '@waybill/policy-engine';

/** `unsaid`: no policy of the set speaks of what may run, which is no denial. */
export type Outcome = Decision['outcome'] | 'unsaid';

/** An image that would be decided otherwise. */
export type Shift = { readonly image: string; readonly before: Verdict; readonly after: Verdict };
export type Verdict = Pick<Decision, 'policyId' | 'reason'> & { readonly outcome: Outcome; readonly targets: readonly string[] };

export type Comparison = {
  readonly changedCount: number;
  /** `allow -> deny` and how many; the most frequent first. */
  readonly counts: readonly { readonly from: Outcome; readonly to: Outcome; readonly count: number }[];
  /** The first of each kind of change, in turn. */
  readonly examples: readonly Shift[];
};

/** Of where images go; and of what may run, null where neither set speaks of that. */
export type Backtest = Comparison & { readonly imagesCount: number; readonly admission: Comparison | null };

const examplesMax = 20;

/** Decides the same images by two sets at the same moment, so that only what the policies change is seen. Pure. */
export function backtest(before: Rulebook, after: Rulebook, images: readonly Evidence[], atMs: number): Backtest {
  const isAdmissionSaid = before.admission.policies.length > 0 || after.admission.policies.length > 0;
  const decide = (set: CompiledSet) => (evidence: Evidence) => verdictOf(evaluate(set, evidence, atMs));
  const admit = (set: CompiledSet) => (set.policies.length === 0 ? () => unsaid : decide(set));
  return {
    imagesCount: images.length,
    ...compare(images, decide(before.replication), decide(after.replication)),
    admission: isAdmissionSaid ? compare(images, admit(before.admission), admit(after.admission)) : null,
  };
}

function compare(images: readonly Evidence[], before: (evidence: Evidence) => Verdict, after: (evidence: Evidence) => Verdict): Comparison {
  const shifts = new Map<string, { count: number; readonly examples: Shift[] }>();
  for (const evidence of images) {
    const [was, is] = [before(evidence), after(evidence)];
    if (was.outcome === is.outcome && was.targets.join(' ') === is.targets.join(' ')) continue;
    const kind = `${was.outcome} ${is.outcome}`;
    const known = shifts.get(kind) ?? { count: 0, examples: [] };
    shifts.set(kind, known);
    known.count += 1;
    if (known.examples.length < examplesMax) known.examples.push({ image: tagKey(evidence, evidence.tag), before: was, after: is });
  }
  const counts = [...shifts].map(([kind, { count }]) => {
    const [from, to] = kind.split(' ') as [Outcome, Outcome];
    return { from, to, count };
  });
  return {
    changedCount: counts.reduce((sum, { count }) => sum + count, 0),
    counts: counts.toSorted((a, b) => b.count - a.count),
    examples: inTurn([...shifts.values()].map(({ examples }) => examples)).slice(0, examplesMax),
  };
}

const unsaid: Verdict = { outcome: 'unsaid', policyId: null, reason: 'no policy speaks of what may run', targets: [] };

const verdictOf = ({ outcome, policyId, reason, targets }: Decision): Verdict => {
  return { outcome, policyId, reason, targets: targets.map(targetText) };
};

/** The first of each list, then the second of each, and so on. */
export function inTurn<T>(lists: readonly (readonly T[])[]): readonly T[] {
  const longest = Math.max(0, ...lists.map(({ length }) => length));
  return Array.from({ length: longest }, (_, at) => lists.flatMap((list) => list.slice(at, at + 1))).flat();
}
