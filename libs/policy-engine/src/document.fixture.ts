import { parseDocument, type Document } from './rulebook.ts';
import type { DocumentKind } from './document/document.ts';

/** A valid document. @param metadata beside its name */
export function documentOf(kind: DocumentKind, name: string, spec: object, metadata: object = {}): Document {
  const parsed = parseDocument({ apiVersion: 'waybill/v1', kind, metadata: { name, ...metadata }, spec });
  if (!parsed.ok) throw new Error(parsed.faults.join('\n'));
  return parsed.document;
}
