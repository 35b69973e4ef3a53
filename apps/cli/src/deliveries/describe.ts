import { ignoredReasons, malformedReasons } from '@waybill/webhook-sources';
import type { Console, Style } from '../console.ts';
import { type Column, table } from '../output/table.ts';
import { printable, shortId } from '../output/text.ts';
import type { Difference } from './compare.ts';
import type { Reread } from './replay.ts';

/** What the deliveries are read as today, and what that says, in a line. */
export function readAs({ kind, outcome, endpoint, rest }: Reread): string {
  if (kind === null) return `today nothing says how to read it: ${endpoint} is not in sources.yaml`;
  const ignored = rest.flatMap((part) => (part.kind === 'ignored' ? [ignoredReasons[part.reason]] : []));
  const why = outcome === 'ignored' && ignored[0] !== undefined ? `: ${ignored[0]}` : '';
  return `read today as ${kind}: ${outcome}${why}`;
}

const styles: Readonly<Record<Difference['verdict'], Style>> = { same: 'dim', changed: 'yellow', new: 'green', gone: 'yellow' };

const columns: readonly Column<Difference>[] = [
  { title: 'THEN AND NOW', cell: ({ verdict }) => verdict, style: ({ verdict }) => styles[verdict] },
  { title: 'EVENT', cell: ({ type }) => type },
  { title: 'SUBJECT', cell: ({ subject }) => subject, flexible: 'wrap' },
  { title: 'ID', cell: ({ id }) => shortId(id), optional: true, style: () => 'dim' },
  { title: 'FIELDS', cell: ({ fields }) => fields.join(' ') || '-', optional: true },
];

/** Nothing where there is none. */
export const differencesTable = (differences: readonly Difference[], console: Console): readonly string[] =>
  differences.length === 0 ? [] : [table(differences, columns, console)];

/** What cannot be read today either. */
export const unreadText = ({ rest }: Reread, { style }: Console): readonly string[] =>
  rest.flatMap((part) =>
    part.kind === 'malformed'
      ? [style('red', printable(`✖ part ${part.index} cannot be read: ${malformedReasons[part.reason]} (${part.reason})`))]
      : [],
  );
