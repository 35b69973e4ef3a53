import { sentenceOf, type Clause } from '../clause.ts';
import type { Require } from '../document/require.ts';
import { broken, met, type Compile } from './answer.ts';

/** Where it lies, for its name is what a registry is trusted by. */
export const registries: Compile<NonNullable<Require['registries']>> = (among) => {
  const clause: Clause = { field: 'registries', among };
  return {
    clauses: [clause],
    ask: ({ evidence }) =>
      among.includes(evidence.registry)
        ? met(`lies in registry ${evidence.registry}`)
        : broken('REGISTRY_NOT_ALLOWED', `${sentenceOf(clause, 'no', evidence)}, which are allowed`),
  };
};
