import { truthOfAll } from './clause.ts';
import type { Evidence } from './evidence.ts';
import { findDocument, isPolicy, type Document, type Rulebook } from './rulebook.ts';

/** What two rulebooks do not share: documents as they are in one and not in the other, so that a changed one is there twice. */
export function changedDocuments(before: Rulebook, after: Rulebook): readonly Document[] {
  const missingIn = (other: Rulebook) => (document: Document) =>
    findDocument(other, document.id)?.documentSha256 !== document.documentSha256;
  return [...before.documents.filter(missingIn(after)), ...after.documents.filter(missingIn(before))];
}

/** An image by its names alone. */
export type Named = Pick<Evidence, 'registry' | 'repository' | 'tag'>;

/**
 * Whether a change of these documents can make a decision about an image another one: where none may, both rulebooks decide it alike,
 * whatever else is known of it. What policies look up may be about any.
 */
export const mayConcern = (documents: readonly Document[], { registry, repository, tag }: Named): boolean => {
  const evidence: Evidence = { registry, repository, tag, digest: '', inspection: { status: 'missing' }, scans: [] };
  return documents.some((document) => !isPolicy(document) || truthOfAll(document.clauses, evidence) !== 'no');
};
