import type { Clause } from '../clause.ts';
import { compilePatterns } from '../compile-match.ts';
import type { Require } from '../document/require.ts';
import { compilePattern } from '../pattern/pattern.ts';
import { broken, met, type Compile } from './answer.ts';

const latest = compilePattern('latest');

/** Tags that say nothing about what they name. An image that is named without a tag has none that is forbidden. */
export const tag: Compile<NonNullable<Require['tag']>> = ({ notLatest, noneOf }, faults) => {
  const forbidden = [...(notLatest ? [latest] : []), ...(compilePatterns('spec.require.tag.noneOf', noneOf, faults) ?? [])];
  const clause: Clause = { field: 'exclude', clause: { field: 'tags', patterns: forbidden } };
  return {
    clauses: [clause],
    ask: ({ evidence }) => {
      const found = forbidden.find(({ test }) => test(evidence.tag));
      if (found === undefined) return met(evidence.tag === '' ? 'has no tag' : `has tag ${evidence.tag}`);
      const by = found.text === evidence.tag ? '' : ` by ${found.text}`;
      return broken('TAG_FORBIDDEN', `tag ${evidence.tag} is forbidden${by}: give the image one that is not`);
    },
  };
};
