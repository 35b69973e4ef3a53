import type { Policy } from '../policy.ts';
import type { Question } from '../surroundings.ts';
import { choicesOf, type Choice } from './choose.ts';
import { residenceOf } from './residency.ts';

/** `path`: of the target in the document, `spec.replicate.0`. */
export type TargetExplanation = Choice & { readonly path: string };

export function explainTargets(policy: Policy, question: Question): readonly TargetExplanation[] {
  const residence = residenceOf(question);
  return (policy.document.spec.replicate ?? []).flatMap((target, at) =>
    choicesOf(target, question, residence).choices.map((choice) => ({ path: `spec.replicate.${at}`, ...choice })),
  );
}
