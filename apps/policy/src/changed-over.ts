import type { Document } from '@waybill/policy-engine';

/**
 * What has changed from each of these versions to the next: all that can make a decision by one of them another one by the last.
 * Undefined where one was not in force lately, as far as this process knows, or where so much has changed that all are concerned.
 */
export type ChangedOver = (versions: readonly string[]) => readonly Document[] | undefined;

/** Versions that are remembered; they share nearly all with each other. */
export const versionsMax = 16;
/** To ask whether more of them concern a tag costs more than to decide it. */
export const concernedMax = 50;

/** Found once for the same versions: every tag of a sweep is asked about them. */
export function createChangedOver(find: ChangedOver): ChangedOver {
  const found = new Map<string, readonly Document[] | undefined>();
  return (versions) => {
    const key = versions.join();
    if (!found.has(key)) {
      const documents = find(versions);
      found.set(key, documents !== undefined && documents.length > concernedMax ? undefined : documents);
    }
    return found.get(key);
  };
}

/** What differs from each to the one behind it; undefined where one of them is not known. */
export function changesAlong<T>(
  states: readonly (T | undefined)[],
  between: (before: T, after: T) => readonly Document[],
): readonly Document[] | undefined {
  const documents: Document[] = [];
  for (const [index, after] of states.entries()) {
    const before = states[index - 1];
    if (after === undefined) return undefined;
    if (before !== undefined) documents.push(...between(before, after));
  }
  return documents;
}
