import { oncePer } from './once.ts';
import type { Policy } from './policy.ts';
import { exceptionsUntil } from './requirements/exceptions.ts';
import type { Evidence } from './evidence.ts';
import type { CompiledSet } from './set/compiled-set.ts';
import { findSpeaking, mayMatchOne } from './set/search.ts';
import type { Question } from './surroundings.ts';
import { withTenant } from './tenants/namespaces.ts';
import { hourOf, msOf } from './when/fact.ts';

const hourMs = msOf(1);

/**
 * When time alone may make a decision another one: until then `evaluate` says the same of the same evidence, so that a timer can take
 * the place of asking again and again. It may turn out to say the same then, too.
 * @returns Unix ms, later than `atMs`; Infinity for never
 */
export function nextChangeMs(set: CompiledSet, evidence: Evidence, atMs: number): number {
  const { surroundings } = set;
  const question: Question = { evidence: withTenant(evidence, surroundings), atMs, surroundings };
  const [policy] = findSpeaking(set, question, 1);
  const moments = [...(policy === undefined ? [] : momentsOf(policy, question)), ...momentsOfConditions(set, question)];
  return moments.reduce((next, moment) => (moment > atMs && moment < next ? moment : next), Infinity);
}

/** Of a policy that decides, or waits to. */
function momentsOf({ document: { spec } }: Policy, { evidence, surroundings }: Question): readonly number[] {
  const { scan, noFindings = [] } = spec.require ?? {};
  const { inspection, scans } = evidence;
  const platforms = inspection.status === 'done' ? inspection.platformDigests : [];
  const asked = scans.filter(({ digest }) => platforms.includes(digest));
  const found = asked.flatMap(({ findings = [] }) => findings.map(({ id }) => id));
  return [
    // The first whole millisecond at which it is too old.
    ...(scan === undefined ? [] : asked.map(({ scannedAtMs }) => Math.floor(scannedAtMs + scan.withinHours * hourMs) + 1)),
    ...(scan === undefined && noFindings.length === 0 ? [] : exceptionsUntil([...found, ...noFindings], surroundings)),
  ];
}

/** Another policy may begin to speak as well as one that speaks may fall silent; conditions see full hours alone. */
const momentsOfConditions = (set: CompiledSet, { evidence, atMs }: Question): readonly number[] =>
  hasTimed(set) && mayMatchOne(set, evidence, dependsOnTime) ? [msOf(hourOf(atMs) + 1)] : [];

const dependsOnTime = ({ when }: Policy): boolean => when?.dependsOnTime === true;

const hasTimed = oncePer((set: CompiledSet): boolean => set.policies.some(dependsOnTime));
