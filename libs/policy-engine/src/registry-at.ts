import type { Registry } from './document/registry.ts';
import { oncePer } from './once.ts';
import type { Surroundings } from './surroundings.ts';

/** The document of the registry with this host; of several the first by name, so that it does not count which was published first. */
export const findRegistryAt = (host: string, { Registry: documents }: Pick<Surroundings, 'Registry'>): Registry | undefined =>
  byHost(documents).get(host);

const byHost = oncePer((documents: Surroundings['Registry']): ReadonlyMap<string, Registry> => {
  const lastFirst = [...documents.values()].toReversed();
  return new Map(lastFirst.map((document) => [document.spec.host, document]));
});
