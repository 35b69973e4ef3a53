import type { Clause } from '../clause.ts';
import { compileMatch, compilePatterns } from '../compile-match.ts';
import type { Tenant } from '../document/tenant.ts';
import type { Policy } from '../policy.ts';
import type { Surroundings } from '../surroundings.ts';

/** What an image has to be like to be a tenant's. */
export const clausesOfTenant = ({ spec: { registries, repositories } }: Tenant): readonly Clause[] =>
  compileMatch({ ...(registries && { registries }), ...(repositories && { repositories }) }, []).clauses;

/**
 * The policy, asking for names where it asks for a tenant: whose an image is follows from what it is called, so that a search may not
 * choose the two apart. Lists of tenants that registries tell apart cannot be said so; of them the tenant stays a condition of its own.
 */
export function inNamespaces(policy: Policy, { Tenant }: Pick<Surroundings, 'Tenant'>): Policy {
  const clauses = policy.clauses.flatMap((clause): readonly Clause[] => {
    if (clause.field !== 'tenants') return [clause];
    const tenants = clause.among.flatMap((name) => Tenant.get(name) ?? []);
    if (tenants.length < clause.among.length) return [clause];
    const [only, another] = tenants;
    if (only !== undefined && another === undefined) return clausesOfTenant(only);
    if (tenants.some(({ spec }) => spec.registries !== undefined)) return [clause];
    return [{ field: 'repositories', patterns: tenants.flatMap((tenant) => compilePatterns('', tenant.spec.repositories, []) ?? []) }];
  });
  return { ...policy, clauses };
}
