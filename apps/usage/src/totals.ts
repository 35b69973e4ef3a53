import { topics, type MinuteCopies, type RegistryTotal, type TenantTotal } from '@waybill/domain';
import type { Counted } from './copy-state.ts';
import type { Draft } from './draft.ts';

const minuteMs = 60_000;
const hourMs = 60 * minuteMs;

/** How long a sum waits after its first change: however many follow, it is told once a second at most. */
const tellDelayMs = 1_000;

/** Adds to the sums what a copy counts for now beside what it counted for. */
export function recount(draft: Draft, before: Counted | undefined, after: Counted | undefined): void {
  if (before?.tenant === after?.tenant && before?.registryName === after?.registryName && before?.bytes === after?.bytes) return;
  if (before) add(draft, before, -1);
  if (after) add(draft, after, 1);
  const isReleased =
    before !== undefined && before.tenant !== null && (after?.tenant !== before.tenant || (after.bytes ?? 0) < (before.bytes ?? 0));
  if (isReleased) putTenant(draft, before.tenant, (total) => ({ ...total, releasedCount: total.releasedCount + 1 }));
}

/** Adds a copy that was decided on to the hour before the newest. */
export function countCopy(draft: Draft, tenant: string | null, decidedAtMs: number): void {
  if (tenant === null) return;
  const minuteStartMs = Math.floor(decidedAtMs / minuteMs) * minuteMs;
  putTenant(draft, tenant, (total) => ({ ...total, copiesByMinute: withCopy(total.copiesByMinute, minuteStartMs) }));
}

function withCopy(minutes: readonly MinuteCopies[], minuteStartMs: number): readonly MinuteCopies[] {
  const copies = (minutes.find((minute) => minute.minuteStartMs === minuteStartMs)?.copies ?? 0) + 1;
  const others = minutes.filter((minute) => minute.minuteStartMs !== minuteStartMs);
  const sorted = [...others, { minuteStartMs, copies }].toSorted((a, b) => a.minuteStartMs - b.minuteStartMs);
  const newestMs = sorted.at(-1)!.minuteStartMs;
  return sorted.filter((minute) => minute.minuteStartMs >= newestMs - hourMs);
}

function add(draft: Draft, { tenant, registryName, bytes }: Counted, sign: 1 | -1): void {
  const images = sign;
  const imagesUnsized = bytes === null ? sign : 0;
  const known = (bytes ?? 0) * sign;
  putRegistry(draft, registryName, (total) => ({
    ...{ ...total, usedBytes: total.usedBytes + known },
    ...{ images: total.images + images, imagesUnsized: total.imagesUnsized + imagesUnsized },
  }));
  if (tenant === null) return;
  putTenant(draft, tenant, (total) => ({
    ...{ ...total, bytes: total.bytes + known },
    ...{ images: total.images + images, imagesUnsized: total.imagesUnsized + imagesUnsized },
  }));
}

export const tenantKey = (tenant: string): string => `tenant/${tenant}`;
export const registryKey = (registry: string): string => `registry/${registry}`;

function putTenant(draft: Draft, tenant: string, change: (total: TenantTotal) => TenantTotal): void {
  const key = tenantKey(tenant);
  const total = draft.get(key, 'TenantTotal') ?? {
    ...{ tenant, bytes: 0, images: 0, imagesUnsized: 0, copiesByMinute: [], releasedCount: 0, changedAtMs: 0, dueAtMs: null },
  };
  draft.put(key, { type: 'TenantTotal', data: { ...change(total), changedAtMs: draft.atMs, dueAtMs: dueAt(draft, key, total) } });
}

function putRegistry(draft: Draft, registry: string, change: (total: RegistryTotal) => RegistryTotal): void {
  const key = registryKey(registry);
  const total = draft.get(key, 'RegistryTotal') ?? {
    ...{ registry, usedBytes: 0, images: 0, imagesUnsized: 0, changedAtMs: 0, dueAtMs: null },
  };
  draft.put(key, { type: 'RegistryTotal', data: { ...change(total), changedAtMs: draft.atMs, dueAtMs: dueAt(draft, key, total) } });
}

function dueAt(draft: Draft, key: string, { dueAtMs }: { readonly dueAtMs: number | null }): number {
  if (dueAtMs !== null) return dueAtMs;
  draft.tellAt(key, draft.atMs + tellDelayMs);
  return draft.atMs + tellDelayMs;
}

/** Tells a sum as it stands, under a key of its partition's own. */
export function tellTotal(draft: Draft, key: string): void {
  const { partition } = draft;
  const place = { topic: topics.usage, key: `${key}@${partition}`, subject: key, partition };
  const tenant = draft.get(key, 'TenantTotal');
  if (tenant) {
    const { dueAtMs: _, ...told } = tenant;
    draft.put(key, { type: 'TenantTotal', data: { ...tenant, dueAtMs: null } });
    draft.emit({ ...place, event: { type: 'TenantUsage', data: { ...told, partition } } });
  }
  const registry = draft.get(key, 'RegistryTotal');
  if (registry) {
    const { dueAtMs: _, ...told } = registry;
    draft.put(key, { type: 'RegistryTotal', data: { ...registry, dueAtMs: null } });
    draft.emit({ ...place, event: { type: 'RegistryUsage', data: { ...told, partition } } });
  }
}
