import type { Clause } from '../clause.ts';
import type { Policy } from '../policy.ts';

/** What a requirement asks of the image itself, whatever its scans say; `path` is that of the requirement. */
export type Required = { readonly path: string; readonly clauses: readonly Clause[]; readonly what: string };

export const requiredBy = ({ requirements }: Policy): readonly Required[] =>
  requirements
    .filter(({ clauses }) => clauses.length > 0)
    .map(({ name, clauses }) => ({ path: `spec.require.${name}`, clauses, what: words[name] ?? `${name} that spec.match rules out` }));

const words: Readonly<Record<string, string>> = {
  scan: 'a scan of what has none',
  noFindings: 'a scan of what has none',
  tag: 'another tag than any that spec.match asks for',
};
