import { compileMatch } from '../compile-match.ts';
import type { Tenant } from '../document/tenant.ts';
import { clausesOfTenant } from './namespaces.ts';
import { textOf } from './image.ts';
import { everything, limitAll } from './space.ts';
import type { Work } from './work.ts';

/** Namespaces that have an image in common, policies of tenants that nobody has described, and quotas that leave no room at all. */
export function findTenantMistakes(work: Work): void {
  const tenants = [...work.set.surroundings.Tenant.values()];
  for (const [at, first] of tenants.entries()) for (const second of tenants.slice(at + 1)) compare(work, first, second);
  checkNames(work);
  checkExceptions(work);
  for (const tenant of tenants) {
    checkCopies(work, tenant);
    checkRetention(work, tenant);
  }
}

const idOf = ({ metadata }: Tenant): string => `tenant/${metadata.name}`;

function compare(work: Work, first: Tenant, second: Tenant): void {
  const ids = [idOf(first), idOf(second)];
  if (work.isFull()) return work.skip('tenants', ids);
  work.ask('tenants', ids, () => {
    const both = limitAll(everything, [...clausesOfTenant(first), ...clausesOfTenant(second)]);
    const found = both && work.solver.solve(both);
    if (found === undefined) return;
    const image = { ...found, tenant: null };
    const what = `${textOf(image)} is in the namespaces of ${first.metadata.name} and ${second.metadata.name}`;
    work.report('TENANTS_OVERLAP', ids, 'spec', image, `${what}: such images are denied; let one of them leave it out`);
  });
}

function checkNames(work: Work): void {
  const { Tenant } = work.set.surroundings;
  for (const { id, document } of work.set.policies) {
    const { tenant } = document.metadata;
    const named = Tenant.size === 0 && tenant === undefined ? [] : (document.spec.match.tenants ?? []);
    for (const [at, name] of named.entries()) {
      if (Tenant.has(name)) continue;
      const path = tenant === undefined ? `spec.match.tenants.${at}` : 'metadata.tenant';
      const what = `${id} is about images of ${name}, and no Tenant document has that name: it never speaks`;
      work.report('TENANT_UNKNOWN', [id], path, null, `${what}; correct the name, or add one`);
    }
  }
}

function checkExceptions(work: Work): void {
  const { Exception, Tenant } = work.set.surroundings;
  for (const { metadata } of Exception.values()) {
    const { name, tenant } = metadata;
    if (tenant === undefined || Tenant.get(tenant)?.spec.mayExcept !== undefined) continue;
    const id = `exception/${name}`;
    const why = Tenant.has(tenant) ? `the Tenant document of ${tenant} has no spec.mayExcept` : `no Tenant document has the name ${tenant}`;
    const next = 'whoever runs the registries can grant it there, or publish the exception';
    work.report('EXCEPTION_NOT_GRANTED', [id], 'metadata.tenant', null, `${id} does not count: ${why}; ${next}`);
  }
}

/** A policy that names more targets than a tenant may have copies lets none of its images go, ever. */
function checkCopies(work: Work, tenant: Tenant): void {
  const { imagesMax = Infinity, copiesPerHourMax = Infinity } = tenant.spec.quota ?? {};
  const room = Math.min(imagesMax, copiesPerHourMax);
  for (const policy of work.set.policies) {
    const count = new Set((policy.document.spec.replicate ?? []).map(({ registry }) => registry)).size;
    if (count <= room) continue;
    work.ask('quota', [policy.id, idOf(tenant)], () => {
      const own = limitAll(everything, [...policy.clauses, ...clausesOfTenant(tenant)]);
      const image = own && work.solver.solve(own);
      if (image === undefined) return;
      const what = `${policy.id} makes ${count} copies of images like ${textOf(image)}`;
      const limit = `the quota of ${tenant.metadata.name} has room for ${room}`;
      const message = `${what}, and ${limit}: none of them is ever copied; have the quota raised, or name fewer targets`;
      work.report('QUOTA_IMPOSSIBLE', [policy.id, idOf(tenant)], 'spec.replicate', image, message);
    });
  }
}

/** A retention that keeps more than a quota has room for never makes room. */
function checkRetention(work: Work, tenant: Tenant): void {
  const { imagesMax = Infinity } = tenant.spec.quota ?? {};
  for (const { metadata, spec } of work.set.surroundings.RetentionPolicy.values()) {
    const { keepNewest, match } = spec;
    if (keepNewest === undefined || keepNewest <= imagesMax) continue;
    if (metadata.tenant !== undefined && metadata.tenant !== tenant.metadata.name) continue;
    const ids = [`retention/${metadata.name}`, idOf(tenant)];
    work.ask('quota', ids, () => {
      const common = limitAll(everything, [...clausesOfTenant(tenant), ...compileMatch(match, []).clauses]);
      const image = common && work.solver.solve(common);
      if (image === undefined) return;
      const what = `${ids[0]} keeps ${keepNewest} images of a repository like that of ${textOf(image)}`;
      const limit = `the quota of ${tenant.metadata.name} has room for ${imagesMax}`;
      const message = `${what}, and ${limit}: cleaning up cannot make room; keep fewer`;
      work.report('RETENTION_OVER_QUOTA', ids, 'spec.keepNewest', image, message);
    });
  }
}
