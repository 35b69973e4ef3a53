import { findPlatform, formatPlatform, targetKey, targetText } from '@waybill/domain';
import {
  compileRulebook,
  evaluate,
  explain,
  isPolicy,
  revealed,
  type Decision,
  type Document,
  type PolicyExplanation,
  type Rulebook,
} from '@waybill/policy-engine';
import type { Expected, ExpectedTarget, PolicyCase } from './case-file.ts';

/** Where a decision is not as it was expected. */
export type Difference = { readonly field: string; readonly expected: string; readonly actual: string };

export type CaseResult = {
  readonly case: PolicyCase;
  readonly decision: Decision;
  /** None: as expected. */
  readonly differences: readonly Difference[];
  /** Why, or why not: the expected policy, then those that speak first. Empty where all is as expected. */
  readonly policies: readonly PolicyExplanation[];
};

export type CasesReport = {
  readonly results: readonly CaseResult[];
  /** Policies that decide none of the cases, by id. */
  readonly undecidedIds: readonly string[];
};

const explainedMax = 5;

/** Decides each case by these documents. Pure: time is in the cases. */
export function runCases(documents: readonly Document[], cases: readonly PolicyCase[]): CasesReport {
  const rulebook = compileRulebook(documents.map(revealed));
  const results = cases.map((each) => runCase(rulebook, each));
  const deciding = new Set(results.map(({ decision }) => decision.policyId));
  const undecidedIds = documents.flatMap((document) => (isPolicy(document) && !deciding.has(document.id) ? [document.id] : []));
  return { results, undecidedIds: undecidedIds.toSorted() };
}

function runCase(rulebook: Rulebook, each: PolicyCase): CaseResult {
  const { evidence, atMs, policies: set } = each;
  const decision = evaluate(rulebook[set], evidence, atMs);
  const differences = differencesOf(each, decision);
  if (differences.length === 0) return { case: each, decision, differences, policies: [] };
  const { policies } = explain(rulebook[set], evidence, atMs, Infinity);
  const isWanted = ({ policyId }: PolicyExplanation): boolean => policyId === each.expected.policyId;
  const told = [...policies.filter(isWanted), ...policies.filter((policy) => !isWanted(policy))].slice(0, explainedMax);
  return { case: each, decision, differences, policies: told };
}

function differencesOf({ expected }: PolicyCase, decision: Decision): readonly Difference[] {
  const differences: Difference[] = [];
  const compare = (field: string, wanted: string | undefined, actual: string, isAsWanted = wanted === actual): void => {
    if (wanted !== undefined && !isAsWanted) differences.push({ field, expected: wanted, actual });
  };
  compare('outcome', expected.outcome, decision.outcome);
  compare('code', expected.code, decision.code);
  compare('policyId', expected.policyId === undefined ? undefined : String(expected.policyId), String(decision.policyId));
  const isThere = areTargets(expected.targets ?? [], decision.targets);
  compare('targets', listed(expected.targets?.map(expectedText)), listed(decision.targets.map(targetText)) ?? '', isThere);
  compare('awaiting', listed(expected.awaiting), listed(decision.awaiting) ?? '', isAwaited(expected.awaiting ?? [], decision.awaiting));
  compare('reason', expected.reason, decision.reason, decision.reason.includes(expected.reason ?? ''));
  return differences;
}

type Target = Decision['targets'][number];

/** Each of them meant, and no other there. */
function areTargets(expected: NonNullable<Expected['targets']>, actual: readonly Target[]): boolean {
  const wanted = expected.map((target): ExpectedTarget => (typeof target === 'string' ? { place: target } : target));
  return wanted.length === actual.length && actual.every((target) => wanted.some((one) => isMeant(one, target)));
}

const isMeant = ({ place, platforms, priorityClass }: ExpectedTarget, target: Target): boolean =>
  place === targetKey(target) &&
  (platforms === undefined || spelt(platforms) === spelt(target.platforms)) &&
  (priorityClass === undefined || priorityClass === target.priorityClass);

const spelt = (platforms: readonly string[]): string =>
  platforms.map((text) => formatPlatform(findPlatform(text) ?? { os: text, architecture: '' })).toSorted().join(' '); // prettier-ignore

function expectedText(target: string | ExpectedTarget): string {
  if (typeof target === 'string') return target;
  const { place, platforms, priorityClass } = target;
  const asked = [platforms === undefined ? [] : platforms.join(', ') || 'all of it', priorityClass ?? []].flat();
  return asked.length === 0 ? place : `${place} (${asked.join('; ')})`;
}

/** Each of what is expected stands for what begins with it, and nothing more is awaited. */
function isAwaited(expected: readonly string[], actual: readonly string[]): boolean {
  const stands = (wanted: string, is: string): boolean => is === wanted || is.startsWith(`${wanted} `);
  return (
    expected.every((wanted) => actual.some((is) => stands(wanted, is))) &&
    actual.every((is) => expected.some((wanted) => stands(wanted, is)))
  );
}

const listed = (items: readonly string[] | undefined): string | undefined => items?.toSorted().join(', ');
