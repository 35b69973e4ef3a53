import { repositoryKey, topics, type PullsCounted, type RegistryUsage, type TenantUsage } from '@waybill/domain';
import type { Codec, EventLog } from '@waybill/stream';
import { rowsOf, type OnRead } from './log-rows.ts';

/** What `apps/usage` tells, part by part. */
export type UsageRows = {
  /** By tenant. */
  readonly tenants: ReadonlyMap<string, readonly TenantUsage[]>;
  /** By the name of the registry. */
  readonly registries: ReadonlyMap<string, readonly RegistryUsage[]>;
};

/** The newest part of each partition. */
export async function readUsage(log: EventLog, codec: Codec, onRead?: OnRead): Promise<UsageRows> {
  const parts = new Map<string, TenantUsage | RegistryUsage>();
  for await (const { key, row } of rowsOf(log, codec, topics.usage, onRead)) {
    if (row?.type === 'TenantUsage' || row?.type === 'RegistryUsage') parts.set(key, row.data);
    else parts.delete(key);
  }
  const all = [...parts.values()];
  return {
    tenants: Map.groupBy(
      all.filter((part) => 'tenant' in part),
      ({ tenant }) => tenant,
    ),
    registries: Map.groupBy(
      all.filter((part) => 'registry' in part),
      ({ registry }) => registry,
    ),
  };
}

/** What each place tells of the pulls of an image's repository. By `repositoryKey`. */
export async function readPulls(log: EventLog, codec: Codec, onRead?: OnRead): Promise<ReadonlyMap<string, readonly PullsCounted[]>> {
  const newest = new Map<string, PullsCounted>();
  for await (const { row } of rowsOf(log, codec, topics.pullCounts, onRead)) {
    if (row?.type !== 'PullsCounted') continue;
    const { registry, repository, placeRegistry, placeRepository } = row.data;
    newest.set(JSON.stringify([registry, repository, placeRegistry, placeRepository]), row.data);
  }
  return Map.groupBy(newest.values(), repositoryKey);
}
