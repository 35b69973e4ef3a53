import type { Policy } from '../policy.ts';
import type { Document } from '../rulebook.ts';

/** What is said of a sensitive policy in place of its reasons. */
export const confidentialReason = 'by a confidential policy';

export const isConfidential = ({ document }: Pick<Policy, 'document'>): boolean => document.metadata.sensitive === true;

/** For whoever may read it: decisions by the document give their reasons. */
export function revealed<D extends Document>(document: D): D {
  const { sensitive: _sensitive, ...metadata } = document.document.metadata;
  return { ...document, document: { ...document.document, metadata } };
}
