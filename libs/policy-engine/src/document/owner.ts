import type { Static } from 'typebox';
import type { Match } from './match.ts';

type Asked = Static<typeof Match>;

/** What a document of a tenant is about: images of that tenant alone, whatever it says. */
export const ownMatch = (match: Asked, { tenant }: { readonly tenant?: string }): Asked =>
  tenant === undefined ? match : { ...match, tenants: [tenant] };

/** A tenant's own document that says it is about others is no mistake to pass over. */
export function ownMatchFaults({ tenant }: { readonly tenant?: string }, { tenants }: Asked): readonly string[] {
  if (tenant === undefined || tenants === undefined || (tenants.length === 1 && tenants[0] === tenant)) return [];
  return [`spec.match.tenants has no place beside metadata.tenant: it is about images of ${tenant} alone`];
}
