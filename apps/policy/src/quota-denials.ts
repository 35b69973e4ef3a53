import { tagKey, type DecisionState } from '@waybill/domain';
import type { Decision } from '@waybill/policy-engine';
import type { Draft } from './draft.ts';

/**
 * Tags that a quota denies have a row each, so that they alone are looked at when tenants have less. A row that outlives its denial does
 * no harm: who looks finds that nothing is denied any more, and clears it away.
 */
const prefix = '@quota/';

/** Where those begin. */
export const denialsStart = prefix;
export const isDenialKey = (key: string): boolean => key.startsWith(prefix);
export const deniedTagKey = (denialKey: string): string => denialKey.slice(prefix.length);

const isDenial = ({ outcome, code }: Decision): boolean => outcome === 'deny' && code === 'QUOTA_EXCEEDED';

/** @param before The row of the tag before this decision */
export function noteDenial(draft: Draft, before: DecisionState, decision: Decision): void {
  const { registry, repository, tag, digest } = before;
  if (isDenial(decision)) putDenial(draft, tagKey(before, tag), { type: 'QuotaDenial', data: { registry, repository, tag, digest } });
  else if (before.status === 'denied') clearDenial(draft, tagKey(before, tag));
}

export const clearDenial = (draft: Draft, deniedTag: string): void => putDenial(draft, deniedTag, null);

const putDenial = (draft: Draft, deniedTag: string, row: Parameters<Draft['put']>[0]['row']): void =>
  draft.put({ store: 'evidence', key: `${prefix}${deniedTag}`, row });
