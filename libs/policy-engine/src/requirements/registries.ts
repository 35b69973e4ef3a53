import { sentenceOf, type Clause } from '../clause.ts';
import { compilePatterns } from '../compile-match.ts';
import type { Require } from '../document/require.ts';
import { broken, met, type Compile } from './answer.ts';

/** Where it lies, for its name is what a registry is trusted by. */
export const registries: Compile<NonNullable<Require['registries']>> = (written, faults) => {
  const patterns = compilePatterns('spec.require.registries', written, faults) ?? [];
  const clause: Clause = { field: 'registries', patterns };
  return {
    clauses: [clause],
    ask: ({ evidence }) =>
      patterns.some(({ test }) => test(evidence.registry))
        ? met(`lies in registry ${evidence.registry}`)
        : broken('REGISTRY_NOT_ALLOWED', `${sentenceOf(clause, 'no', evidence)}, which are allowed`),
  };
};
