import type { Tenant } from '../document/tenant.ts';
import type { Question } from '../surroundings.ts';

/** Why a tenant's quota leaves no room for copies, or not yet. */
export type QuotaObjection =
  | { readonly outcome: 'deny'; readonly code: 'QUOTA_EXCEEDED'; readonly reason: string }
  | {
      readonly outcome: 'held';
      readonly code: 'QUOTA_EXCEEDED' | 'FACTS_AWAITED';
      readonly reason: string;
      readonly awaiting: readonly string[];
    };

type Quota = NonNullable<Tenant['spec']['quota']>;

/**
 * Whether an image's copies fit into what its tenant may have. Bytes and images that do not fit are refused: somebody has to delete
 * something first. Copies over the rate wait: it is under it again within an hour. An image whose copies are counted already takes nothing
 * more, so that what filled the quota is not what is refused.
 *
 * @returns undefined where they fit, or nothing is limited
 */
export function quotaObjection({ evidence, surroundings }: Question, copiesCount: number): QuotaObjection | undefined {
  const { tenant, usage, inspection } = evidence;
  const quota = typeof tenant !== 'string' ? undefined : surroundings.Tenant.get(tenant)?.spec.quota;
  if (quota === undefined || copiesCount === 0) return undefined;
  const sizeBytes = inspection.status === 'done' ? inspection.sizeBytes : undefined;
  const awaiting = [
    ...(usage === undefined ? [`usage of tenant ${tenant}`] : []),
    ...(quota.bytesMax !== undefined && sizeBytes === undefined ? ['size'] : []),
  ];
  if (usage?.isCounted === true) return undefined;
  if (usage === undefined || awaiting.length > 0)
    return { outcome: 'held', code: 'FACTS_AWAITED', awaiting, reason: `waits for ${awaiting.join('; ')}: tenant ${tenant} has a quota` };
  const added = { bytes: (sizeBytes ?? 0) * copiesCount, images: copiesCount, copiesLastHour: copiesCount };
  for (const [limit, what, unit] of limits) {
    const max = quota[limit];
    const together = usage[what] + added[what];
    if (max === undefined || together <= max) continue;
    const reason = `tenant ${tenant} would have ${together} ${unit}, and its quota is ${max}`;
    if (what !== 'copiesLastHour') return { outcome: 'deny', code: 'QUOTA_EXCEEDED', reason: `${reason}: ${remedyFor(tenant ?? '')}` };
    return { outcome: 'held', code: 'QUOTA_EXCEEDED', reason: `${reason}: it waits`, awaiting: [`usage of tenant ${tenant}`] };
  }
  return undefined;
}

const remedyFor = (tenant: string): string =>
  `delete what is not needed (\`waybill policy cleanup ${tenant}\` proposes what), or have the quota raised`;

const limits = [
  ['bytesMax', 'bytes', 'bytes'],
  ['imagesMax', 'images', 'images'],
  ['copiesPerHourMax', 'copiesLastHour', 'copies within an hour'],
] as const satisfies readonly (readonly [keyof Quota, 'bytes' | 'images' | 'copiesLastHour', string])[];
