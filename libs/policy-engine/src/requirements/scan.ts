import type { Require } from '../document/require.ts';
import type { ScanFact } from '../evidence.ts';
import { rank } from '../severity.ts';
import type { Question } from '../surroundings.ts';
import { broken, met, shortened, type Compile } from './answer.ts';
import { verdictsOf, weigh, withExceptions, type Weighed } from './verdicts.ts';

const hourMs = 60 * 60 * 1000;

/** A verdict on every platform that is young enough, with nothing worse in it than is accepted. */
export const scan: Compile<NonNullable<Require['scan']>> = ({ withinHours, worstSeverity }) => {
  const ageMsMax = withinHours * hourMs;
  const whyAwaited = (atMs: number) => (verdict: ScanFact) =>
    atMs - verdict.scannedAtMs <= ageMsMax ? undefined : `the last is older than ${withinHours} h`;
  return {
    // What has no platform cannot be scanned.
    clauses: [{ field: 'kinds', among: ['image', 'index'] }],
    ask: (question) => {
      const verdicts = verdictsOf(question, whyAwaited(question.atMs));
      if ('holds' in verdicts) return verdicts;
      const judged = verdicts.scans.map((verdict) => judge(verdict, worstSeverity, question));
      const objections = judged.flatMap(({ objection }) => objection ?? []);
      if (objections.length > 0) return broken('SEVERITY_TOO_HIGH', shortened(objections));
      const worst = verdicts.scans.map((verdict) => verdict.worstSeverity).reduce((a, b) => (rank(b) > rank(a) ? b : a));
      return withExceptions(met(`scanned, worst severity ${worst} (at most ${worstSeverity})`), judged);
    },
  };
};

const nothing: Weighed = { accepted: [], awaiting: [], left: [] };

function judge(verdict: ScanFact, severityMax: string, question: Question): Weighed & { readonly objection?: string } {
  const { digest, worstSeverity, findings = [], findingsOmitted = 0 } = verdict;
  const isOver = (severity: string): boolean => rank(severity) > rank(severityMax);
  if (!isOver(worstSeverity)) return nothing;
  const over = findings.filter(({ severity }) => isOver(severity));
  const weighed = weigh(
    over.map(({ id }) => id),
    question,
  );
  // The list is worst first: where all of it is over, so may be what it leaves out.
  const isHidden = over.length === 0 || (findingsOmitted > 0 && over.length === findings.length);
  if (weighed.left.length === 0 && !isHidden) return weighed;
  const left = over.filter(({ id }) => weighed.left.includes(id));
  const worst = isHidden ? worstSeverity : left.map(({ severity }) => severity).reduce((a, b) => (rank(b) > rank(a) ? b : a));
  const names = [...left.map(({ id }) => id), ...(isHidden && findingsOmitted > 0 ? [`${findingsOmitted} that are not listed`] : [])];
  const named = names.length === 0 ? '' : `: ${shortened(names, ', ')}`;
  return { ...weighed, objection: `${digest} has findings of severity ${worst} (at most ${severityMax})${named}` };
}
