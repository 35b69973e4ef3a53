import { compilePatterns } from '../compile-match.ts';
import type { Evidence } from '../evidence.ts';
import { oncePer } from '../once.ts';
import type { Pattern } from '../pattern/pattern.ts';
import type { Surroundings } from '../surroundings.ts';

type Tenants = Surroundings['Tenant'];

/** One of the places that a tenant claims. */
type Claim = {
  readonly tenant: string;
  /** Undefined: all. */
  readonly registries: readonly string[] | undefined;
  readonly isOver: (repository: string) => boolean;
};

/** By the first segment of the path, where a claim spells it out: a tenant costs nothing to the images of others. */
type Claims = { readonly bySegment: ReadonlyMap<string, readonly Claim[]>; readonly others: readonly Claim[] };

const nobody: readonly string[] = [];

/** Whose an image is, by all that Tenant documents say, by name; more than one where their namespaces overlap. */
export function claimantsOf({ registry, repository }: Pick<Evidence, 'registry' | 'repository'>, tenants: Tenants): readonly string[] {
  if (tenants.size === 0) return nobody;
  const { bySegment, others } = claimsIn(tenants);
  const [segment = ''] = repository.split('/', 1);
  let found: string[] | undefined;
  for (const claims of [bySegment.get(segment) ?? [], others])
    for (const { tenant, registries, isOver } of claims) {
      if (registries !== undefined && !registries.includes(registry)) continue;
      if (found?.includes(tenant) === true || !isOver(repository)) continue;
      found = [...(found ?? []), tenant];
    }
  return found?.toSorted() ?? nobody;
}

/**
 * What is known of an image, with whose it is. Where there are Tenant documents they alone say so, whatever the evidence has; an image
 * that several claim is nobody's.
 */
export function withTenant(evidence: Evidence, { Tenant }: Pick<Surroundings, 'Tenant'>): Evidence {
  return Tenant.size === 0 ? evidence : { ...evidence, tenant: tenantOf(evidence, { Tenant }) };
}

/** Whose an image is; null where it is nobody's, or several claim it. */
export function tenantOf(image: Pick<Evidence, 'registry' | 'repository'>, { Tenant }: Pick<Surroundings, 'Tenant'>): string | null {
  const [tenant = null, another] = claimantsOf(image, Tenant);
  return another === undefined ? tenant : null;
}

const claimsIn = oncePer((tenants: Tenants): Claims => {
  const bySegment = new Map<string, Claim[]>();
  const others: Claim[] = [];
  for (const { metadata, spec } of tenants.values()) {
    const { registries } = spec;
    const patterns = compilePatterns('spec.repositories', spec.repositories, []);
    if (patterns === undefined) others.push({ tenant: metadata.name, registries, isOver: () => true });
    for (const pattern of patterns ?? []) {
      const claim = { tenant: metadata.name, registries, isOver: pattern.test };
      const segment = firstSegmentOf(pattern);
      if (segment === undefined) others.push(claim);
      else bySegment.set(segment, [...(bySegment.get(segment) ?? []), claim]);
    }
  }
  return { bySegment, others };
});

function firstSegmentOf({ prefix, isLiteral }: Pattern): string | undefined {
  const [segment = ''] = prefix.split('/', 1);
  return isLiteral || segment.length < prefix.length ? segment : undefined;
}
