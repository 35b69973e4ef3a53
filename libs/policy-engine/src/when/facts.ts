import type { Registry } from '../document/registry.ts';
import { findRegistryAt } from '../registry-at.ts';
import type { Question } from '../surroundings.ts';
import { fact, hourOf, known, msOf, type Fact, type Facts } from './fact.ts';
import { scanFacts } from './scan-facts.ts';
import { Failure, Unknown, type Result } from './value.ts';

type Inspected = Extract<Question['evidence']['inspection'], { readonly status: 'done' }>;

const inspected =
  (read: (inspection: Inspected) => Result): Fact['read'] =>
  ({ evidence: { inspection } }) =>
    inspection.status === 'done' ? read(inspection) : new Unknown(['inspection']);

const image: Facts = {
  registry: fact('string', ({ evidence }) => evidence.registry),
  repository: fact('string', ({ evidence }) => evidence.repository),
  tag: fact('string', ({ evidence }) => evidence.tag),
  digest: fact('string', ({ evidence }) => evidence.digest),
  // Nobody's is empty, so that `image.tenant == 'x'` has an answer for it.
  tenant: fact('string', ({ evidence: { tenant } }) => (tenant === undefined ? new Unknown(['tenant']) : (tenant ?? ''))),
  kind: fact(
    'string',
    inspected(({ kind }) => kind),
  ),
  labels: fact(
    'map<string, string>',
    inspected(({ labels }) => labels),
  ),
  platforms: fact(
    'list<string>',
    inspected(({ platforms }) => known(platforms, 'platforms')),
  ),
  sizeBytes: fact(
    'int',
    inspected(({ sizeBytes }) => known(sizeBytes, 'size')),
  ),
};

/** Of the document that tells of the registry where the image lies. */
const documented =
  (field: string, read: (spec: Registry['spec']) => string | undefined): Fact['read'] =>
  ({ evidence: { registry: host }, surroundings }) => {
    const document = findRegistryAt(host, surroundings);
    if (document === undefined) return new Failure(`no Registry document has the host ${host}`);
    return read(document.spec) ?? new Failure(`the Registry document ${document.metadata.name} has no ${field}`);
  };

const registry: Facts = {
  region: fact(
    'string',
    documented('region', ({ region }) => region),
  ),
  jurisdiction: fact(
    'string',
    documented('jurisdiction', ({ jurisdiction }) => jurisdiction),
  ),
  role: fact(
    'string',
    documented('role', ({ role = 'primary' }) => role),
  ),
};

/** Of the repository, by region. */
const usage: Facts = {
  pulls30Days: fact('int', ({ evidence: { pullsByRegion: pulls } }) => known(pulls && sum(Object.values(pulls)), 'pulls')),
  pulls30DaysByRegion: fact('map<string, int>', ({ evidence }) => known(evidence.pullsByRegion, 'pulls')),
};

const sum = (numbers: readonly number[]): number => numbers.reduce((total, each) => total + each, 0);

const weekdays = ['sunday', 'monday', 'tuesday', 'wednesday', 'thursday', 'friday', 'saturday'] as const;

const time: Facts = {
  hour: fact('int', ({ atMs }) => new Date(atMs).getUTCHours()),
  weekday: fact('string', ({ atMs }) => weekdays[new Date(atMs).getUTCDay()]!),
  now: fact('google.protobuf.Timestamp', ({ atMs }) => msOf(hourOf(atMs))),
};

/** All that conditions can ask for: facts, some of them below a name. */
export const facts: Readonly<Record<string, Fact | { readonly fields: Facts }>> = {
  image: { fields: image },
  scan: { fields: scanFacts },
  registry: { fields: registry },
  usage: { fields: usage },
  time: { fields: time },
  signatures: fact('list<Signature>', ({ evidence }) => known(evidence.signatures, 'signatures')),
  sboms: fact('list<Sbom>', ({ evidence }) => known(evidence.sboms, 'sbom')),
};

/** What lists can be of, beside strings. A field may be missing: a signature has a key, or an issuer and a subject. */
export const records: Readonly<Record<string, Readonly<Record<string, string>>>> = {
  Finding: { id: 'string', severity: 'string' },
  Signature: { issuer: 'string', subject: 'string', key: 'string' },
  Sbom: { digest: 'string', format: 'string' },
};

/** @param path of a fact that there is */
export function factAt(path: string): Fact {
  const [name = '', field = ''] = path.split('.');
  const entry = facts[name]!;
  return 'fields' in entry ? entry.fields[field]! : entry;
}

/** Whether time alone can change a fact: at a full hour of UTC, never between two. */
export const isTimed = (path: string): boolean => path.startsWith('time.') || path === 'scan.ageHours';
