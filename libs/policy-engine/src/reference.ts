import { findPlatform, formatPlatform } from '@waybill/domain';
import type { Decision } from './evaluate.ts';
import type { Evidence } from './evidence.ts';
import { compilePattern, type Pattern, type PatternText } from './pattern/pattern.ts';
import type { Policy } from './policy.ts';
import { referenceRuling } from './reference-requirements.ts';
import { referenceDestination, referenceTenants } from './reference-targets.ts';
import { noSurroundings, type Question, type Surroundings } from './surroundings.ts';
import { compileWhen, type Condition } from './when/condition.ts';

type Match = Policy['document']['spec']['match'];
type Answer = boolean | 'unknown';
export type ReferenceDecision = Pick<Decision, 'outcome' | 'code' | 'policyId' | 'awaiting' | 'targets'>;

/** What would be held of an image that cannot wait is denied. */
export function referenceEvaluate(...given: Parameters<typeof referenceDecision>): ReferenceDecision {
  const decision = referenceDecision(...given);
  if (decision.outcome !== 'held' || given[1].cannotWait !== true) return decision;
  return { ...decision, outcome: 'deny', code: 'TAGS_TOO_MANY', awaiting: [] };
}

/**
 * How policies decide, to be read as the specification: every policy is asked, in order, and nothing is prepared, indexed or left out.
 * Slow on purpose. `evaluate` has to come to the same decisions.
 */
function referenceDecision(
  policies: readonly Policy[],
  recorded: Evidence,
  atMs: number,
  surroundings: Surroundings = noSurroundings,
): ReferenceDecision {
  const nothing = { awaiting: [], targets: [] };
  const tenants = referenceTenants(recorded, surroundings);
  if (tenants.length > 1) return { ...nothing, outcome: 'deny', code: 'TENANT_AMBIGUOUS', policyId: null };
  const evidence = surroundings.Tenant.size === 0 ? recorded : { ...recorded, tenant: tenants[0] ?? null };
  for (const policy of policies.toSorted(decidesBefore)) {
    const question = { evidence, atMs, surroundings };
    const answer = answerOf(policy.document.spec, question);
    if (answer === false) continue;
    const decided = { ...nothing, policyId: policy.id };
    if (answer === 'unknown') {
      const { match, when } = policy.document.spec;
      const awaiting = [...new Set([...awaitedFor(match, evidence), ...awaitedByCondition(when, question)])];
      if (awaiting.includes('inspection') && evidence.inspection.status === 'failed')
        return { ...decided, outcome: 'deny', code: 'INSPECTION_FAILED' };
      return { ...decided, outcome: 'held', code: 'FACTS_AWAITED', awaiting };
    }
    if (answer === 'failed') return { ...decided, outcome: 'deny', code: 'POLICY_FAILED' };
    const ruling = referenceRuling(policy, question, { matches, awaitedFor });
    if (ruling.outcome !== 'allow') return { ...decided, ...ruling };
    return { ...decided, ...referenceDestination(policy, question, { matches, awaitedFor }) };
  }
  return { ...nothing, outcome: 'deny', code: 'NO_POLICY_MATCHES', policyId: null };
}

/** The higher priority; among equals one that denies; among those the more specific; then by name. */
function decidesBefore(a: Policy, b: Policy): number {
  if (a.priority !== b.priority) return b.priority - a.priority;
  const [aDenies, bDenies] = [a, b].map(({ document }) => document.spec.effect === 'deny');
  if (aDenies !== bDenies) return aDenies ? -1 : 1;
  if (a.specificity !== b.specificity) return b.specificity - a.specificity;
  return a.id < b.id ? -1 : 1;
}

/** Both must hold. What is not known may still refuse; only where all of `match` holds does it matter that a condition fails. */
function answerOf({ match, when }: Policy['document']['spec'], question: Question): Answer | 'failed' {
  const matched = matches(match, question.evidence);
  if (when === undefined || matched === false) return matched;
  const { truth } = conditionOf(when).ask(question);
  if (truth === 'no') return false;
  if (matched === 'unknown' || truth === 'unknown') return 'unknown';
  return truth === 'yes' ? true : 'failed';
}

function awaitedByCondition(when: string | undefined, question: Question): readonly string[] {
  const answer = when === undefined ? undefined : conditionOf(when).ask(question);
  return answer?.truth === 'unknown' ? answer.awaiting : [];
}

/** All that is asked for must hold, and nothing that is excluded. One that does not is enough, whatever is not known of the others. */
function matches({ exclude, ...asked }: Match, evidence: Evidence): Answer {
  const excluded = exclude === undefined ? [] : answersTo(exclude, evidence).map((answer) => (answer === 'unknown' ? answer : !answer));
  const answers = [...answersTo(asked, evidence), ...excluded];
  if (answers.includes(false)) return false;
  return answers.includes('unknown') ? 'unknown' : true;
}

function answersTo(asked: Match, evidence: Evidence): readonly Answer[] {
  const { registries, tenants, repositories, tags, kinds, platforms, labels } = asked;
  const { registry, repository, tag, tenant, inspection } = evidence;
  const isAny = (texts: readonly PatternText[], name: string): boolean => texts.some((text) => patternOf(text).test(name));
  const answers: Answer[] = [];
  if (registries) answers.push(isAny(registries, registry));
  if (repositories) answers.push(isAny(repositories, repository));
  if (tags) answers.push(isAny(tags, tag));
  if (tenants) answers.push(tenant === undefined ? 'unknown' : tenant !== null && tenants.includes(tenant));
  if (kinds) answers.push(inspection.status === 'done' ? (kinds as readonly string[]).includes(inspection.kind) : 'unknown');
  if (platforms) answers.push(hasAnyPlatform(platforms, inspection));
  for (const [name, value] of Object.entries(labels ?? {})) {
    if (inspection.status !== 'done') answers.push('unknown');
    else answers.push(Object.hasOwn(inspection.labels, name) && (value === '*' || inspection.labels[name] === value));
  }
  return answers;
}

function hasAnyPlatform(wanted: readonly string[], inspection: Evidence['inspection']): Answer {
  if (inspection.status !== 'done') return 'unknown';
  if (inspection.kind === 'artifact') return false;
  const { platforms } = inspection;
  if (platforms === undefined) return 'unknown';
  const spelt = (text: string): string => formatPlatform(findPlatform(text)!);
  return platforms.some((platform) => wanted.some((other) => spelt(platform) === spelt(other)));
}

/** Compiling takes longer than all else here; a million comparisons have a few thousand patterns. */
const compiled = new Map<string, Pattern>();
const conditions = new Map<string, Condition>();

function conditionOf(when: string): Condition {
  const condition = conditions.get(when) ?? compileWhen(when, [])!;
  conditions.set(when, condition);
  return condition;
}

function patternOf(text: PatternText): Pattern {
  const key = JSON.stringify(text);
  const pattern = compiled.get(key) ?? compilePattern(text);
  compiled.set(key, pattern);
  return pattern;
}

/** What has to be known before it can be said whether a policy matches. */
function awaitedFor({ tenants, kinds, platforms, labels, exclude }: Match, { tenant, inspection }: Evidence): readonly string[] {
  const asksPlatforms = [platforms, exclude?.platforms].some((asked) => asked !== undefined);
  const asksInspection = kinds !== undefined || [labels, exclude?.labels].some((asked) => Object.keys(asked ?? {}).length > 0);
  const isWhole = inspection.status === 'done' && (inspection.kind === 'artifact' || inspection.platforms !== undefined);
  return [
    ...(tenants !== undefined && tenant === undefined ? ['tenant'] : []),
    ...((asksInspection && inspection.status !== 'done') || (asksPlatforms && !isWhole) ? ['inspection'] : []),
  ];
}
