import type { Clause } from '../clause.ts';
import type { Policy } from '../policy.ts';

/** What a requirement asks of the image itself, whatever its scans say; `path` is that of the requirement. */
export type Required = { readonly path: string; readonly clauses: readonly Clause[]; readonly what: string };

export function requiredBy({ document: { spec } }: Policy): readonly Required[] {
  const required: Required[] = [];
  const { scan, labels } = spec.require ?? {};
  // What has no platform cannot be scanned.
  if (scan)
    required.push({ path: 'spec.require.scan', clauses: [{ field: 'kinds', among: ['image', 'index'] }], what: 'a scan of what has none' });
  if (labels) {
    const clauses = Object.entries(labels).map(([name, value]): Clause => ({ field: 'labels', name, value }));
    required.push({ path: 'spec.require.labels', clauses, what: 'labels that spec.match rules out' });
  }
  return required;
}
