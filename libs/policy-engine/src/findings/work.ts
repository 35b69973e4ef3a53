import { BudgetExceeded } from '../pattern/find-name.ts';
import type { Policy } from '../policy.ts';
import { compileSet, type CompiledSet } from '../set/compiled-set.ts';
import { findSpeaking } from '../set/search.ts';
import { finding, type Finding } from './finding.ts';
import { questionOf, type Image } from './image.ts';
import { createSolver, type Solver } from './space.ts';
import { claimantsOf } from '../tenants/namespaces.ts';

/** A registry of `registries.yaml`: policies copy to its name, events call it by its host. */
export type KnownRegistry = { readonly name: string; readonly host: string };

/** What could not be said for certain: how often, and of which policies to begin with. */
export type Unfinished = { readonly check: string; readonly count: number; readonly examples: readonly (readonly string[])[] };

/** What all checks work with. */
export type Work = {
  readonly set: CompiledSet;
  readonly registries: readonly KnownRegistry[] | undefined;
  readonly solver: Solver;
  /** The policy that decides an image of which everything is known, where no condition lets another one do so. */
  readonly deciderOf: (image: Image) => Policy | undefined;
  readonly report: (...found: Parameters<typeof finding>) => void;
  /** Asks within a share of the budget. @returns undefined, and says so in the report, where that is not enough */
  readonly ask: <T>(check: string, policyIds: readonly string[], question: () => T) => T | undefined;
  readonly skip: (check: string, policyIds: readonly string[], count?: number) => void;
  /** Whether the check under way has reported as much as anybody reads. */
  readonly isFull: () => boolean;
};

/** Steps are those of automata: tens of millions take a second. Findings are counted per check, so that one leaves room for the next. */
export type Bounds = { readonly stepsMax: number; readonly stepsPerQuestionMax: number; readonly findingsPerCheckMax: number };

const examplesMax = 3;

/** A policy with a condition may speak of any image that it matches, or of none: nothing is claimed that depends on which. */
export const alwaysSpeaks = ({ when }: Policy): boolean => when === undefined;

export type Ledger = {
  readonly run: (check: (work: Work) => void) => void;
  readonly findings: readonly Finding[];
  readonly unfinished: () => readonly Unfinished[];
};

export function openLedger(set: CompiledSet, registries: readonly KnownRegistry[] | undefined, bounds: Bounds): Ledger {
  const findings: Finding[] = [];
  const skipped = new Map<string, { count: number; readonly examples: (readonly string[])[] }>();
  const budget = { stepsLeft: 0 };
  let stepsLeft = bounds.stepsMax;
  let foundBefore = 0;
  const skip: Work['skip'] = (check, policyIds, count = 1) => {
    const entry = skipped.get(check) ?? { count: 0, examples: [] };
    entry.count += count;
    if (entry.examples.length < examplesMax) entry.examples.push(policyIds);
    skipped.set(check, entry);
  };
  const { Tenant } = set.surroundings;
  const tenantOf = (image: Image): string | null => (Tenant.size === 0 ? image.tenant : (claimantsOf(image, Tenant)[0] ?? null));
  const sure = compileSet(set.policies.filter(alwaysSpeaks));
  const work: Work = {
    set,
    registries,
    solver: createSolver(
      (registries ?? []).map(({ host }) => host),
      budget,
      tenantOf,
    ),
    deciderOf: (image) => findSpeaking(sure, questionOf({ ...image, tenant: tenantOf(image) }), 1)[0],
    report: (...found) => void findings.push(finding(...found)),
    ask: (check, policyIds, question) => {
      const share = Math.min(bounds.stepsPerQuestionMax, stepsLeft);
      budget.stepsLeft = share;
      try {
        return question();
      } catch (error) {
        if (!(error instanceof BudgetExceeded)) throw error;
        skip(check, policyIds);
        return undefined;
      } finally {
        stepsLeft -= share - Math.max(0, budget.stepsLeft);
      }
    },
    skip,
    isFull: () => findings.length - foundBefore >= bounds.findingsPerCheckMax,
  };
  const run: Ledger['run'] = (check) => {
    foundBefore = findings.length;
    check(work);
  };
  return { run, findings, unfinished: () => [...skipped].map(([check, entry]) => ({ check, ...entry })) };
}
