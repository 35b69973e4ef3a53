import { parseDocument, type Document } from '@waybill/policy-engine';
import { createRandom } from './random.ts';
import type { PeerPolicy } from './policy-input.ts';

const jurisdictions = ['EU', 'US', 'CH', 'JP'];
const roles = ['primary', 'secondary', 'fallback'];
const placements = ['cheapest', 'nearest', undefined];
const registriesCount = 100;
const regionOf = (index: number): string => `region-${index % 12}`;

/**
 * The same policies, which send images where a selector says: of 100 registries in 12 regions, some by price, some by distance, some by
 * name; images of every second tenant have to stay in one or two jurisdictions.
 * @throws Error for one that is not valid
 */
export function selectingDocuments(policies: readonly PeerPolicy[]): readonly Document[] {
  const random = createRandom(5);
  const pick = <T>(items: readonly T[]): T => items[random() % items.length]!;
  const registries = Array.from({ length: registriesCount }, (_, index) =>
    documentOf('Registry', `r${index}`, {
      ...{ host: index === 0 ? 'a.test' : `r${index}.test`, region: regionOf(index), role: pick(roles) },
      jurisdiction: jurisdictions[(index % 12) % jurisdictions.length],
      cost: { storedPerGbMonth: (random() % 100) / 1_000, movedPerGb: (random() % 100) / 1_000 },
    }),
  );
  const tenants = [...new Set(policies.map(({ tenant }) => tenant))];
  const residencies = tenants
    .filter((_, index) => index % 2 === 0)
    .map((tenant) => documentOf('Residency', `of-${tenant}`, { match: { tenants: [tenant] }, jurisdictions: [pick(jurisdictions), 'EU'] }));
  const selecting = policies.map(({ id, tenant, priority, match, requires }) => {
    const placement = pick(placements);
    const select = pick([
      { jurisdictions: [pick(jurisdictions)] },
      { regions: [regionOf(random()), regionOf(random())] },
      { jurisdictions, roles: ['primary', 'secondary'] },
    ]);
    return documentOf('ReplicationPolicy', id, {
      priority,
      match: { tenants: [tenant], repositories: [match.repository], tags: [match.tag], labels: match.labels },
      require: { scan: { withinHours: requires.scanMaxAgeHours, worstSeverity: requires.maxSeverity } },
      replicate: [{ select, copies: 1 + (random() % 3), ...(placement && { placement }) }],
    });
  });
  return [...registries, ...residencies, ...selecting];
}

function documentOf(kind: string, name: string, spec: object): Document {
  const parsed = parseDocument({ apiVersion: 'waybill/v1', kind, metadata: { name }, spec });
  if (!parsed.ok) throw new Error(`${name}: ${parsed.faults.join('; ')}`);
  return parsed.document;
}
