import { isRepositoryName, isTag, targetKey, type Target } from '@waybill/domain';
import type { Policy } from '../policy.ts';
import type { Question } from '../surroundings.ts';
import type { Target as WrittenTarget } from '../document/target.ts';
import { choose, type Refusal } from './choose.ts';
import { partOf } from './part.ts';
import { residenceOf } from './residency.ts';
import { quotaObjection } from '../tenants/quota.ts';

/** Where an image that fulfils its policy goes, or why it goes nowhere. */
export type Destination =
  | { readonly outcome: 'allow'; readonly targets: readonly Target[]; readonly refusals: readonly Refusal[] }
  | { readonly outcome: 'deny'; readonly code: DestinationCode; readonly reason: string }
  | Hold;
type Hold = {
  readonly outcome: 'held';
  readonly code: 'FACTS_AWAITED' | 'QUOTA_EXCEEDED';
  readonly awaiting: readonly string[];
  readonly reason: string;
};

/** Stable for good. */
export type DestinationCode = 'PLATFORMS_NONE' | 'TARGET_INVALID' | 'TARGETS_NONE' | 'RESIDENCY_REFUSED' | 'QUOTA_EXCEEDED';

/**
 * Each place once, in the order of the policy: of two targets that mean the same, the first says what is copied. Those that residency
 * refuses, and those that nothing of the image is for, are left out, and told. All must fit the tenant's quota.
 */
export function destinationOf(policy: Policy, question: Question): Destination {
  const { replicate } = policy.document.spec;
  if (replicate === undefined) return { outcome: 'allow', targets: [], refusals: [] };
  const residence = residenceOf(question);
  if (residence.awaiting.length > 0) return waiting(residence.awaiting, ': it is not known where the image may lie');
  const targets: Target[] = [];
  const refusals: Refusal[] = [];
  for (const written of replicate) {
    const { chosen, refused, awaiting } = choose(written, question, residence);
    if (awaiting.length > 0) return waiting(awaiting, ': it is not known where the image is pulled');
    refusals.push(...refused);
    const part = partOf(written, question.evidence);
    if (part.kind === 'unknown') return waiting([part.awaiting], ': it is not known which platforms the image is for');
    if (part.kind === 'none')
      refusals.push(...chosen.map((registry) => ({ registry, reason: part.reason, code: 'PLATFORMS_NONE' as const })));
    else for (const registry of chosen) add(targets, targetIn(registry, written, part.platforms, question.evidence));
  }
  const destination = settled(targets, refusals);
  return (destination.outcome === 'allow' ? quotaObjection(question, targets.length) : undefined) ?? destination;
}

function settled(targets: readonly Target[], refusals: readonly Refusal[]): Destination {
  if (targets.length === 0 && refusals.length > 0) {
    const code = refusals.every((refusal) => refusal.code === 'PLATFORMS_NONE') ? 'PLATFORMS_NONE' : 'RESIDENCY_REFUSED';
    const why = code === 'PLATFORMS_NONE' ? 'nothing of it goes where the policy names' : 'it may go nowhere that the policy names';
    return { outcome: 'deny', code, reason: `${why}: ${refusalText(refusals)}` };
  }
  if (targets.length === 0) {
    const reason = 'no registry has what spec.replicate selects: correct it, or the Registry documents';
    return { outcome: 'deny', code: 'TARGETS_NONE', reason };
  }
  const wrong = targets.find(({ repository, tag }) => !isRepositoryName(repository) || !isTag(tag));
  if (wrong === undefined) return { outcome: 'allow', targets, refusals };
  const reason = `target ${targetKey(wrong)} is no valid name: correct spec.replicate of the policy`;
  return { outcome: 'deny', code: 'TARGET_INVALID', reason };
}

const waiting = (awaiting: readonly string[], why: string): Destination => ({
  outcome: 'held',
  code: 'FACTS_AWAITED',
  awaiting,
  reason: `waits for ${awaiting.join('; ')}${why}`,
});

/** A value put into a template is not itself read as one. */
export const targetIn = (
  registry: string,
  written: WrittenTarget,
  platforms: readonly string[],
  { repository, tag }: Question['evidence'],
): Target => ({
  registry,
  repository: written.repository?.replaceAll('{repository}', () => repository) ?? repository,
  tag: written.tag?.replaceAll('{tag}', () => tag) ?? tag,
  platforms,
  priorityClass: written.priorityClass ?? 'normal',
});

function add(targets: Target[], target: Target): void {
  const { registry, repository, tag } = target;
  if (!targets.some((known) => known.registry === registry && known.repository === repository && known.tag === tag)) targets.push(target);
}

const refusedShownMax = 5;

export function refusalText(refusals: readonly Refusal[]): string {
  const lines = [...new Set(refusals.map(({ registry, reason }) => `not to ${registry}: ${reason}`))];
  const more = lines.length > refusedShownMax ? `; and ${lines.length - refusedShownMax} more` : '';
  return `${lines.slice(0, refusedShownMax).join('; ')}${more}`;
}
