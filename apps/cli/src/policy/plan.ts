import { deterministicId } from '@waybill/domain';
import type { PolicyText } from './folder.ts';
import type { PolicyEvent, PolicyLog } from './policy-log.ts';

/** What becomes of one policy. `before` is null for one that was not in force, `after` for one that will not be. */
export type Change = {
  readonly kind: 'added' | 'changed' | 'retired';
  readonly policyId: string;
  readonly before: PolicyText | null;
  readonly after: PolicyText | null;
};

export type Plan = {
  /** Of the log that it was made against. */
  readonly base: string;
  /** By id. */
  readonly changes: readonly Change[];
  readonly unchangedIds: readonly string[];
  /** In force, not among what is wanted, and left as they are. */
  readonly keptIds: readonly string[];
};

/** What has to be published so that all that is `wanted` is in force; with `retiresMissing` nothing else is. */
export function planOf(
  { base, inForce }: Pick<PolicyLog, 'base' | 'inForce'>,
  wanted: readonly PolicyText[],
  { retiresMissing }: { readonly retiresMissing: boolean },
): Plan {
  const changes: Change[] = [];
  const unchangedIds: string[] = [];
  for (const after of wanted) {
    const { policyId } = after;
    const before = inForce.get(policyId)?.data ?? null;
    if (before?.documentSha256 === after.documentSha256) unchangedIds.push(policyId);
    else changes.push({ kind: before === null ? 'added' : 'changed', policyId, before, after });
  }
  const ids = new Set(wanted.map(({ policyId }) => policyId));
  const missing = [...inForce].filter(([id]) => !ids.has(id));
  if (retiresMissing) for (const [policyId, { data: before }] of missing) changes.push({ kind: 'retired', policyId, before, after: null });
  return {
    base,
    changes: changes.toSorted((a, b) => (a.policyId < b.policyId ? -1 : 1)),
    unchangedIds: unchangedIds.toSorted(),
    keptIds: retiresMissing ? [] : missing.map(([id]) => id).toSorted(),
  };
}

/** Who publishes, and why; of every event of a change. */
export type Occasion = { readonly author: string; readonly reason: string; readonly atMs: number };

/**
 * The events that a plan is carried out by. They share a correlation id, by which they are told to belong together, and lie after all that
 * is in the log, whatever clock wrote that.
 */
export function eventsOf({ newest, events }: PolicyLog, { changes }: Plan, { author, reason, atMs }: Occasion): readonly PolicyEvent[] {
  const timeMs = events.reduce((latest, { meta }) => Math.max(latest, meta.timeMs + 1), atMs);
  const ids = changes.map(({ policyId, after }) => {
    const previous = newest.get(policyId)?.meta.id ?? null;
    return { previous, id: deterministicId('policy', policyId, after?.documentSha256 ?? 'retired', previous) };
  });
  return changes.map(({ policyId, before, after }, index): PolicyEvent => {
    const { id, previous } = ids[index]!;
    const meta = {
      ...{ id, source: '/waybill/cli', timeMs, subject: policyId },
      ...{ correlationId: ids[0]!.id, causationId: previous, traceparent: null },
    };
    const common = { policyId, author, reason, previousSha256: before?.documentSha256 ?? null };
    if (after === null) return { type: 'PolicyRetired', meta, data: { ...common, retiredAtMs: timeMs } };
    const { document, documentSha256 } = after;
    return { type: 'PolicyPublished', meta, data: { ...common, document, documentSha256, publishedAtMs: timeMs } };
  });
}
