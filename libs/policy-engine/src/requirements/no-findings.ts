import type { Require } from '../document/require.ts';
import type { ScanFact } from '../evidence.ts';
import type { Question } from '../surroundings.ts';
import { broken, met, shortened, type Broken, type Compile } from './answer.ts';
import { verdictsOf, weigh, withExceptions, type Weighed } from './verdicts.ts';

/** Nothing of a list in any platform. What a verdict does not list cannot be shown to be absent. */
export const noFindings: Compile<NonNullable<Require['noFindings']>> = (written) => {
  const unwanted = new Set(written);
  const good = met(`${shortened(written, ', ')} ${written.length === 1 ? 'was' : 'were'} not found`);
  return {
    clauses: [{ field: 'kinds', among: ['image', 'index'] }],
    ask: (question) => {
      const verdicts = verdictsOf(question, (scan) => (findingsOf(scan) ? undefined : 'the last does not list what it found'));
      if ('holds' in verdicts) return verdicts;
      const judged = verdicts.scans.map((scan) => judge(scan, unwanted, question));
      const objections = judged.flatMap(({ objection }) => objection ?? []);
      // What is there for certain is said first.
      const first = objections.find(({ code }) => code === 'FINDING_PRESENT') ?? objections[0];
      if (first === undefined) return withExceptions(good, judged);
      return broken(first.code, shortened(objections.filter(({ code }) => code === first.code).map(({ reason }) => reason)));
    },
  };
};

/** Where nothing was found, there is nothing to list. */
const findingsOf = ({ findings, worstSeverity }: ScanFact) => findings ?? (worstSeverity === 'none' ? [] : undefined);

const byName = (ids: ReadonlySet<string>) => [...ids].map((id) => ({ id, severity: null }));

type Judged = Weighed & { readonly objection?: Omit<Broken, 'holds'> };

function judge(scan: ScanFact, unwanted: ReadonlySet<string>, question: Question): Judged {
  const { digest, findingsOmitted = 0 } = scan;
  const listed = new Set<string>();
  for (const { id } of findingsOf(scan) ?? []) if (unwanted.has(id)) listed.add(id);
  const present = weigh(byName(listed), question);
  if (present.left.length > 0) {
    return { ...present, objection: { code: 'FINDING_PRESENT', reason: `${digest} has ${shortened(present.left, ', ')}` } };
  }
  if (findingsOmitted === 0) return present;
  const possible = weigh(byName(unwanted.difference(listed)), question);
  const accepted = [...present.accepted, ...possible.accepted];
  const awaiting = [...present.awaiting, ...possible.awaiting];
  if (possible.left.length === 0) return { accepted, awaiting, left: [] };
  const what = `${digest} has ${findingsOmitted} findings that its scan does not list`;
  const reason = `${what}, so that ${shortened(possible.left, ', ')} cannot be ruled out`;
  return { accepted, awaiting, left: possible.left, objection: { code: 'FINDINGS_OMITTED', reason } };
}
