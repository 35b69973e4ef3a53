import type { Event } from '@waybill/domain';
import { findRegistryAt, isSealed, parseDocument } from '@waybill/policy-engine';
import { parse } from 'yaml';

const idStart = 'registry/';
const documentLengthMax = 262_144;

/** Region of a host by the Registry documents in force; null where none says it. What has not changed is read once. */
export function createRegionReader(): (events: readonly Event[], host: string) => string | null {
  let last: { readonly events: readonly Event[]; readonly surroundings: ReturnType<typeof registriesIn> } | undefined;
  return (events, host) => {
    if (last?.events !== events) last = { events, surroundings: registriesIn(events) };
    return findRegistryAt(host, last.surroundings)?.spec.region ?? null;
  };
}

type Registries = Parameters<typeof findRegistryAt>[1]['Registry'];

/** What is not valid, or is sealed, says nothing: whoever decides by it tells so. */
function registriesIn(events: readonly Event[]): { readonly Registry: Registries } {
  const found = events.flatMap((event) => {
    if (event.type !== 'PolicyPublished' || !event.data.policyId.startsWith(idStart)) return [];
    const parsed = parseText(event.data.document);
    const document = parsed?.ok === true ? parsed.document.document : undefined;
    return document?.kind === 'Registry' ? [document] : [];
  });
  return { Registry: new Map(found.map((document) => [document.metadata.name, document])) };
}

function parseText(text: string): ReturnType<typeof parseDocument> | undefined {
  if (text.length > documentLengthMax || isSealed(text)) return undefined;
  try {
    return parseDocument(parse(text, { uniqueKeys: true, maxAliasCount: 100 }));
  } catch {
    return undefined;
  }
}
