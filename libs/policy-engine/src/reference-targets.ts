import { findPlatform, formatPlatform, type Target } from '@waybill/domain';
import type { Decision } from './evaluate.ts';
import { compilePattern } from './pattern/pattern.ts';
import type { Policy } from './policy.ts';
import type { Question, Surroundings } from './surroundings.ts';

type Match = Policy['document']['spec']['match'];
type Written = NonNullable<Policy['document']['spec']['replicate']>[number];
type Place = NonNullable<ReturnType<Surroundings['Registry']['get']>>;

type Destination = Pick<Decision, 'outcome' | 'code' | 'awaiting' | 'targets'>;

/** How policies reason about matches; handed in, so that there is one such text. */
export type Matching = {
  readonly matches: (match: Match, evidence: Question['evidence']) => boolean | 'unknown';
  readonly awaitedFor: (match: Match, evidence: Question['evidence']) => readonly string[];
};

/** Tenants whose namespaces an image lies in, by name. */
export const referenceTenants = ({ registry, repository }: Question['evidence'], { Tenant }: Surroundings): readonly string[] =>
  [...Tenant.values()]
    .filter(
      ({ spec }) =>
        (spec.registries?.includes(registry) ?? true) &&
        (spec.repositories?.some((pattern) => compilePattern(pattern).test(repository)) ?? true),
    )
    .map(({ metadata }) => metadata.name)
    .toSorted();

/** Where an allowed image goes: each target in its order, of a selector those that are preferred, none that residency refuses. */
export function referenceDestination(policy: Policy, question: Question, { matches, awaitedFor }: Matching): Destination {
  const { evidence, surroundings } = question;
  const nothing = { awaiting: [], targets: [] };
  const residencies = [...surroundings.Residency.values()]
    .toSorted((a, b) => (a.metadata.name < b.metadata.name ? -1 : 1))
    .map((rule) => {
      const { tenant } = rule.metadata;
      const match = tenant === undefined ? rule.spec.match : { ...rule.spec.match, tenants: [tenant] };
      return { rule, match, answer: matches(match, evidence) };
    });
  const awaiting = residencies.flatMap(({ match, answer }) => (answer === 'unknown' ? awaitedFor(match, evidence) : []));
  if (awaiting.length > 0) return { ...nothing, outcome: 'held', code: 'FACTS_AWAITED', awaiting: [...new Set(awaiting)] };
  const mayLieIn = (name: string): boolean =>
    residencies.every(({ rule, answer }) => {
      const { jurisdiction = null, region = null } = surroundings.Registry.get(name)?.spec ?? {};
      if (answer === false) return true;
      const isIn = (place: string | null, allowed: readonly string[] | undefined): boolean =>
        allowed === undefined || (place !== null && allowed.includes(place));
      return isIn(jurisdiction, rule.spec.jurisdictions) && isIn(region, rule.spec.regions);
    });
  const targets: Target[] = [];
  let isRefused = false;
  let isForOthers = false;
  for (const written of policy.document.spec.replicate ?? []) {
    const meant = written.registry === undefined ? selected(written, surroundings) : [written.registry];
    isRefused ||= !meant.every(mayLieIn);
    const allowed = meant.filter(mayLieIn);
    const { copies = Infinity, placement } = written;
    if (placement === 'by-pulls' && evidence.pullsByRegion === undefined && allowed.length > copies)
      return { ...nothing, outcome: 'held', code: 'FACTS_AWAITED', awaiting: ['pulls'] };
    const inOrder = written.copies === undefined ? allowed : allowed.toSorted((a, b) => preferred(a, b, placement, question));
    const part = partOf(written, evidence.inspection);
    if (part === 'unknown') return { ...nothing, outcome: 'held', code: 'FACTS_AWAITED', awaiting: ['platforms'] };
    isForOthers ||= part === 'none' && inOrder.length > 0;
    for (const registry of part === 'none' ? [] : inOrder.slice(0, copies)) {
      const repository = (written.repository ?? '{repository}').split('{repository}').join(evidence.repository);
      const tag = (written.tag ?? '{tag}').split('{tag}').join(evidence.tag);
      targets.push({ registry, repository, tag, platforms: part === 'none' ? [] : part, priorityClass: written.priorityClass ?? 'normal' });
    }
  }
  if (targets.length === 0 && policy.document.spec.replicate !== undefined)
    return { ...nothing, outcome: 'deny', code: isRefused ? 'RESIDENCY_REFUSED' : isForOthers ? 'PLATFORMS_NONE' : 'TARGETS_NONE' };
  const placeOf = ({ registry, repository, tag }: Target): string => JSON.stringify([registry, repository, tag]);
  const once = targets.filter((target, at) => targets.findIndex((other) => placeOf(other) === placeOf(target)) === at);
  return withinQuota(question, once.length) ?? { ...nothing, outcome: 'allow', code: 'REQUIREMENTS_MET', targets: once };
}

/** Those that are wanted of what an image is for; all of it has no names. */
function partOf({ platforms: wanted }: Written, inspection: Question['evidence']['inspection']): readonly string[] | 'none' | 'unknown' {
  if (wanted === undefined || (inspection.status === 'done' && inspection.kind === 'artifact')) return [];
  if (inspection.status !== 'done' || inspection.platforms === undefined) return 'unknown';
  const spell = (text: string): string => formatPlatform(findPlatform(text)!);
  const known = new Set(inspection.platforms.map(spell));
  const taken = [...known].filter((platform) => wanted.map(spell).includes(platform)).toSorted();
  if (taken.length === 0) return 'none';
  return taken.length === known.size ? [] : taken;
}

function withinQuota({ evidence, surroundings }: Question, copies: number): Destination | undefined {
  const { tenant, usage, inspection } = evidence;
  const { bytesMax, imagesMax, copiesPerHourMax } = surroundings.Tenant.get(tenant ?? '')?.spec.quota ?? {};
  const isLimited = bytesMax !== undefined || imagesMax !== undefined || copiesPerHourMax !== undefined;
  if (!isLimited || copies === 0 || usage?.isCounted === true) return undefined;
  const sizeBytes = inspection.status === 'done' ? inspection.sizeBytes : undefined;
  const awaiting: string[] = [];
  if (usage === undefined) awaiting.push(`usage of tenant ${tenant}`);
  if (bytesMax !== undefined && sizeBytes === undefined) awaiting.push('size');
  if (usage === undefined || awaiting.length > 0) return { outcome: 'held', code: 'FACTS_AWAITED', awaiting, targets: [] };
  const isTooMuch = usage.bytes + (sizeBytes ?? 0) * copies > (bytesMax ?? Infinity) || usage.images + copies > (imagesMax ?? Infinity);
  if (isTooMuch) return { outcome: 'deny', code: 'QUOTA_EXCEEDED', awaiting: [], targets: [] };
  if (usage.copiesLastHour + copies <= (copiesPerHourMax ?? Infinity)) return undefined;
  return { outcome: 'held', code: 'QUOTA_EXCEEDED', awaiting: [`usage of tenant ${tenant}`], targets: [] };
}

function selected({ select = {} }: Written, { Registry }: Surroundings): readonly string[] {
  const { regions, jurisdictions, roles } = select;
  const fits = ({ spec }: Place): boolean =>
    (regions?.some((region) => region === spec.region) ?? true) &&
    (jurisdictions?.some((jurisdiction) => jurisdiction === spec.jurisdiction) ?? true) &&
    (roles?.some((role) => role === (spec.role ?? 'primary')) ?? true);
  return [...Registry.values()]
    .filter(fits)
    .map(({ metadata }) => metadata.name)
    .toSorted();
}

/** Those that are up and not full, or were chosen before; then by role; then by placement; then by name. */
function preferred(a: string, b: string, placement: Written['placement'], { evidence, surroundings }: Question): number {
  const home = [...surroundings.Registry.values()]
    .toSorted((one, other) => (one.metadata.name < other.metadata.name ? -1 : 1))
    .find(({ spec }) => spec.host === evidence.registry)?.spec;
  const ranks = [a, b].map((name): readonly number[] => {
    const { role = 'primary', region, jurisdiction, cost, limits } = surroundings.Registry.get(name)!.spec;
    const fact = evidence.registries?.[name];
    const isFull = fact?.usedBytes !== undefined && fact.usedBytes >= (limits?.bytesMax ?? Infinity);
    const isBefore = fact?.wasChosen === true;
    const first = [!isBefore && (fact?.isHealthy === false || isFull) ? 1 : 0, ['primary', 'secondary', 'fallback'].indexOf(role)];
    if (placement === 'cheapest') return [...first, cost?.storedPerGbMonth ?? Infinity, cost?.movedPerGb ?? Infinity];
    if (placement === 'by-pulls') return [...first, isBefore ? 0 : 1, -(evidence.pullsByRegion?.[region ?? ''] ?? 0)];
    if (placement !== 'nearest') return first;
    if (region !== undefined && region === home?.region) return [...first, 0];
    return [...first, jurisdiction !== undefined && jurisdiction === home?.jurisdiction ? 1 : 2];
  }) as [readonly number[], readonly number[]];
  const at = ranks[0].findIndex((rank, i) => rank !== ranks[1][i]);
  if (at === -1) return a < b ? -1 : 1;
  return ranks[0][at]! < ranks[1][at]! ? -1 : 1;
}
