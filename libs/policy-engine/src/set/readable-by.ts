import { oncePer } from '../once.ts';
import { compareInOrder } from '../order.ts';
import type { Policy } from '../policy.ts';
import type { CompiledSet } from './compiled-set.ts';

/**
 * In deciding order, what a tenant may read: its own policies and those of nobody, but not what others have published for themselves.
 * Costs what is taken of it, not what there is.
 *
 * @param tenant Null or undefined: whoever is no tenant
 */
export function* readableBy({ policies }: CompiledSet, tenant: string | null | undefined): Generator<Policy, void> {
  const owners = byOwner(policies);
  const own = owners.get(tenant ?? undefined) ?? [];
  const nobodys = tenant === null || tenant === undefined ? [] : (owners.get(undefined) ?? []);
  let taken = 0;
  for (const policy of nobodys) {
    for (; taken < own.length && compareInOrder(own[taken]!, policy) < 0; taken += 1) yield own[taken]!;
    yield policy;
  }
  for (const policy of own.slice(taken)) yield policy;
}

const byOwner = oncePer((policies: readonly Policy[]): ReadonlyMap<string | undefined, readonly Policy[]> =>
  Map.groupBy(policies, ({ document }) => document.metadata.tenant),
);
