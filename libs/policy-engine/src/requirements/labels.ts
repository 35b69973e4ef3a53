import type { Clause } from '../clause.ts';
import type { Require } from '../document/require.ts';
import { broken, met, shortened, unknown, type Compile } from './answer.ts';

export const labels: Compile<NonNullable<Require['labels']>> = (wanted) => {
  const pairs = Object.entries(wanted).toSorted(([a], [b]) => (a < b ? -1 : 1));
  return {
    clauses: pairs.map(([name, value]): Clause => ({ field: 'labels', name, value })),
    ask: ({ evidence: { inspection } }) => {
      if (inspection.status !== 'done') return unknown('inspection');
      const lacking = pairs.filter(([name, value]) => !hasLabel(inspection.labels, name, value));
      if (lacking.length === 0) return met('has all labels that are required');
      const shown = lacking.map(([name, value]) => (value === '*' ? name : `${name}=${value}`));
      return broken('LABELS_MISSING', `it lacks required labels: ${shortened(shown)}`);
    },
  };
};

const hasLabel = (known: Readonly<Record<string, string>>, name: string, value: string): boolean =>
  Object.hasOwn(known, name) && (value === '*' || known[name] === value);
