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
      const worst = verdicts.scans.reduce((a, b) => (rank(b.worstSeverity) > rank(a.worstSeverity) ? b : a)).worstSeverity;
      const good = met(`scanned, worst severity ${worst} (at most ${worstSeverity})`);
      const bad = verdicts.scans.filter((verdict) => rank(verdict.worstSeverity) > rank(worstSeverity));
      if (bad.length === 0) return good;
      const judged = bad.map((verdict) => judge(verdict, worstSeverity, question));
      const objections = judged.flatMap(({ objection }) => objection ?? []);
      return objections.length > 0 ? broken('SEVERITY_TOO_HIGH', shortened(objections)) : withExceptions(good, judged);
    },
  };
};

function judge(verdict: ScanFact, severityMax: string, question: Question): Weighed & { readonly objection?: string } {
  const { digest, worstSeverity, findings = [], findingsOmitted = 0 } = verdict;
  const over = findings.filter(({ severity }) => rank(severity) > rank(severityMax));
  const weighed = weigh(over, question);
  // The list is worst first: where all of it is over, so may be what it leaves out.
  const isHidden = over.length === 0 || (findingsOmitted > 0 && over.length === findings.length);
  if (weighed.left.length === 0 && !isHidden) return weighed;
  const left = over.filter(({ id }) => weighed.left.includes(id));
  const worst = isHidden ? worstSeverity : left.map(({ severity }) => severity).reduce((a, b) => (rank(b) > rank(a) ? b : a));
  const names = [...left.map(({ id }) => id), ...(isHidden && findingsOmitted > 0 ? [`${findingsOmitted} that are not listed`] : [])];
  const named = names.length === 0 ? '' : `: ${shortened(names, ', ')}`;
  return { ...weighed, objection: `${digest} has findings of severity ${worst} (at most ${severityMax})${named}` };
}
