import fc from 'fast-check';
import type { DocumentKind } from './document/document.ts';
import type { Evidence } from './evidence.ts';
import { parsePolicy, type Policy } from './policy.ts';
import { isPolicy, parseDocument, type Document, type OtherDocument } from './rulebook.ts';
import { anyCondition } from './when/any-condition.fixture.ts';

export { referenceEvaluate } from './reference.ts';

// Few words, so that policies and images meet often; the words share beginnings, which is what an index can get wrong.
const registry = fc.constantFrom('a.test', 'b.test', 'a.test:5000');
const hostPattern = fc.oneof(
  { weight: 4, arbitrary: registry },
  { weight: 1, arbitrary: fc.constantFrom('*', 'a.*', '*.test', '?.test', 'a.test:*') },
  { weight: 1, arbitrary: fc.constantFrom('[ab][.]test', '.*:[0-9]+').map((regex) => ({ regex })) },
);
const platform = fc.constantFrom('linux/amd64', 'linux/arm64', 'linux/arm64/v8', 'linux/arm/v7');
const segment = fc.constantFrom('a', 'ab', 'abc', 'b', 'app', 'api', 'team-1', 'team-10');
const repository = fc.array(segment, { minLength: 1, maxLength: 3 }).map((segments) => segments.join('/'));
const tag = fc.constantFrom('v1', 'v1.2.3', 'v1.10.0', '2.0.0-rc.1', 'latest', 'rc', 'a', 'ab', 'V1');
const tenant = fc.constantFrom('t1', 't2', 't10');
const labelName = fc.constantFrom('team', 'tier', 'constructor', 'kinds', '*');
const labelValue = fc.constantFrom('core', 'edge', '', '*', '1');
const severity = fc.constantFrom('none', 'unknown', 'low', 'medium', 'high', 'critical', 'weird');
const kind = fc.constantFrom('image' as const, 'index' as const, 'artifact' as const);
const digest = fc.constantFrom(...['a', 'b', 'c'].map((letter) => `sha256:${letter.repeat(64)}`));

const holed = (text: fc.Arbitrary<string>) =>
  fc.tuple(text, fc.constantFrom('', '*', '**', '?', '/**', '**/'), fc.nat(4)).map(([written, wildcard, at]) => {
    const place = Math.min(at, written.length);
    return `${written.slice(0, place)}${wildcard}${written.slice(wildcard === '' ? place : place + 1)}` || '*';
  });
const repositoryPattern = fc.oneof(
  { weight: 4, arbitrary: holed(repository) },
  { weight: 2, arbitrary: repository },
  { weight: 1, arbitrary: fc.constantFrom('**', '*', '**/app', '*/a*', '*-1', 'a**/app', '**/team-*') },
  { weight: 1, arbitrary: fc.constantFrom('a(b|pp)?', 'team-[0-9]+/.*', '(a|b)/app', '.*i').map((regex) => ({ regex })) },
);
const tagPattern = fc.oneof(
  { weight: 3, arbitrary: holed(tag) },
  { weight: 1, arbitrary: fc.constantFrom('>=1.2 <2', '^1.0.0', '*').map((semver) => ({ semver })) },
  { weight: 1, arbitrary: fc.constantFrom('v[0-9]+', 'v1\\..*', 'a?b?').map((regex) => ({ regex })) },
);
const few = <T>(arbitrary: fc.Arbitrary<T>) => fc.array(arbitrary, { minLength: 1, maxLength: 3 });
const labels = fc.dictionary(labelName, labelValue, { minKeys: 1, maxKeys: 2 });
const names = { registries: few(hostPattern), repositories: few(repositoryPattern), tags: few(tagPattern), labels };
const exclude = fc.record({ ...names, platforms: few(platform) }, { requiredKeys: [] });
const match = fc.record(
  { ...names, tenants: few(tenant), kinds: few(kind), platforms: few(platform), exclude: fc.oneof(fc.constant(undefined), exclude) },
  { requiredKeys: [] },
);
/** All at one place of an index, where only an inspection tells them apart. */
const crowded: typeof match = fc.record({ kinds: few(kind), platforms: few(platform), labels }, { requiredKeys: [] });
const what = {
  platforms: few(platform),
  priorityClass: fc.constantFrom('critical' as const, 'high' as const, 'normal' as const, 'low' as const),
};
const rename = { ...what, repository: fc.constantFrom('m/{repository}', 'fixed') };
const region = fc.constantFrom('r1', 'r2');
const jurisdiction = fc.constantFrom('EU', 'US');
const role = fc.constantFrom('primary' as const, 'secondary' as const, 'fallback' as const);
const copies = fc.record(
  { copies: fc.integer({ min: 1, max: 3 }), placement: fc.constantFrom('cheapest', 'nearest', 'by-pulls') },
  { requiredKeys: ['copies'] },
);
const select = fc.oneof(
  fc.record({ regions: few(region), roles: few(role) }, { requiredKeys: ['regions'] }),
  fc.record({ jurisdictions: few(jurisdiction), roles: few(role) }, { requiredKeys: ['jurisdictions'] }),
);
const target = fc.oneof(
  { weight: 2, arbitrary: fc.record({ registry: fc.constantFrom('x', 'y'), ...rename }, { requiredKeys: ['registry'] }) },
  {
    weight: 1,
    arbitrary: fc
      .tuple(select, fc.oneof(fc.constant({}), copies), fc.record(rename, { requiredKeys: [] }))
      .map(([selected, some, renamed]) => ({ select: selected, ...some, ...renamed })),
  },
);
const scan = fc.record({
  withinHours: fc.constantFrom(1, 24),
  worstSeverity: fc.constantFrom('none', 'low', 'medium', 'high', 'critical'),
});
const signature = fc.constantFrom(
  ...[
    { issuer: 'https://ci.test', subject: 'a/b' },
    { issuer: 'https://ci.test', subject: 'b' },
  ],
  ...[{ issuer: 'https://other.test', subject: 'b' }, { key: `sha256:${'1'.repeat(64)}` }],
);
const signer = fc.constantFrom(
  ...[
    { issuer: 'https://ci.test', subject: '*' },
    { issuer: 'https://ci.test', subject: 'a/*' },
  ],
  ...[{ issuer: 'https://other.test', subject: '**' }, { key: `sha256:${'1'.repeat(64)}` }],
);
const format = fc.constantFrom('spdx' as const, 'cyclonedx' as const);
const findingId = fc.constantFrom('CVE-1', 'CVE-2', 'CVE-10');
const require = fc.record(
  {
    ...{ scan, labels, registries: few(hostPattern), signedBy: few(signer) },
    tag: fc.record({ notLatest: fc.constant(true), noneOf: few(tagPattern) }, { requiredKeys: ['notLatest'] }),
    noFindings: fc.uniqueArray(findingId, { minLength: 1, maxLength: 2 }),
    sbom: fc.record({ formats: fc.uniqueArray(format, { minLength: 1, maxLength: 2 }) }, { requiredKeys: [] }),
  },
  { requiredKeys: [] },
);
const says = fc.oneof(
  { weight: 1, arbitrary: fc.constant({ effect: 'deny' }) },
  {
    weight: 2,
    arbitrary: fc.record({ replicate: few(target), require }, { requiredKeys: ['replicate'] }),
  },
);

const when = fc.oneof({ weight: 2, arbitrary: fc.constant(undefined) }, { weight: 1, arbitrary: anyCondition });
const specs = (matches: typeof match, countMax: number) => fc.array(fc.tuple(fc.nat(3), matches, when, says), { maxLength: countMax });

/** Valid policies of any kind, some with a condition, each with an id of its own. */
export const anyPolicies = (countMax: number): fc.Arbitrary<readonly Policy[]> =>
  fc.oneof({ weight: 4, arbitrary: specs(match, countMax) }, { weight: 1, arbitrary: specs(crowded, countMax) }).map((written) =>
    written.map(([priority, { exclude: excluded, ...asked }, condition, said], index) => {
      const asking = { match: { ...asked, ...(excluded && { exclude: excluded }) }, ...(condition !== undefined && { when: condition }) };
      const spec = { priority, ...asking, ...said };
      return policyOf(`p${index}`, spec);
    }),
  );

const registryDocument = fc.record(
  {
    ...{ host: registry, region, jurisdiction, role },
    cost: fc.record({ storedPerGbMonth: fc.integer({ min: 0, max: 2 }), movedPerGb: fc.integer({ min: 0, max: 1 }) }, { requiredKeys: [] }),
    limits: fc.record({ bytesMax: fc.constant(10) }),
  },
  { requiredKeys: ['host'] },
);
const residency = fc.record(
  { match: fc.record({ ...names, tenants: few(tenant) }, { requiredKeys: [] }), jurisdictions: few(jurisdiction), regions: few(region) },
  { requiredKeys: ['match', 'jurisdictions'] },
);
const quota = fc.record(
  {
    bytesMax: fc.integer({ min: 1, max: 30 }),
    imagesMax: fc.integer({ min: 1, max: 6 }),
    copiesPerHourMax: fc.integer({ min: 1, max: 6 }),
  },
  { requiredKeys: ['imagesMax'] },
);
const mayExcept = fc.record({ worstSeverity: fc.constantFrom('low', 'medium', 'high', 'critical') });
const namespaces = fc.record(
  { repositories: few(repositoryPattern), registries: few(registry), quota, mayExcept },
  { requiredKeys: ['repositories'] },
);
const usage = fc.record({ bytes: fc.nat(20), images: fc.nat(4), copiesLastHour: fc.nat(4), isCounted: fc.boolean() });

/** Valid documents that policies look up: registries, where images may lie, and, mostly, tenants. */
export const anyDocuments: fc.Arbitrary<readonly OtherDocument[]> = fc
  .tuple(
    fc.dictionary(fc.constantFrom('x', 'y', 'z', 'w'), registryDocument, { maxKeys: 4 }),
    fc.dictionary(fc.constantFrom('gdpr', 'lab'), residency, { maxKeys: 2 }),
    fc.dictionary(tenant, namespaces, { maxKeys: 3 }),
  )
  .map(([registries, residencies, tenants]) => [
    ...documentsOf('Registry', registries),
    ...documentsOf('Residency', residencies),
    ...documentsOf('Tenant', tenants),
  ]);

const documentsOf = (kind: DocumentKind, specs: Readonly<Record<string, object>>): readonly OtherDocument[] =>
  Object.entries(specs).map(([name, spec]) => {
    const parsed = parseDocument({ apiVersion: 'waybill/v1', kind, metadata: { name }, spec });
    if (!parsed.ok || isPolicy(parsed.document)) throw new Error(`${JSON.stringify(spec)} is no ${kind}`);
    return parsed.document;
  });

/** Exceptions of any scope, some of tenants, some expired at `atMs`. */
export const anyExceptions = (atMs: number): fc.Arbitrary<readonly Document[]> =>
  fc
    .array(
      fc.record({
        ...{ finding: findingId, scope: fc.option(match, { nil: undefined }), hours: fc.integer({ min: -2, max: 9 }) },
        owner: fc.option(tenant, { nil: undefined, freq: 2 }),
      }),
      { maxLength: 4 },
    )
    .map((specs) =>
      specs.map(({ hours, scope, owner, ...spec }, index) => {
        const expiresAt = new Date(atMs + hours * 3_600_000).toISOString().replace(/:00\.000Z$/, 'Z');
        const { exclude: excluded, tenants, ...others } = scope ?? {};
        const asked = { ...others, ...(owner === undefined && tenants && { tenants }) };
        const parsed = parseDocument({
          ...{ apiVersion: 'waybill/v1', kind: 'Exception', metadata: { name: `e${index}`, ...(owner && { tenant: owner }) } },
          spec: { ...spec, owner: 'o', reason: 'r', expiresAt, match: { ...asked, ...(excluded && { exclude: excluded }) } },
        });
        if (!parsed.ok) throw new Error(parsed.faults.join('; '));
        return parsed.document;
      }),
    );

/** Policies that match every image and ask for a lot. */
export const anyDemandingPolicy: fc.Arbitrary<Policy> = require.map((required) =>
  policyOf('p', { match: {}, require: required, replicate: [{ registry: 'x' }] }),
);

function policyOf(name: string, spec: object): Policy {
  const parsed = parsePolicy({ apiVersion: 'waybill/v1', kind: 'ReplicationPolicy', metadata: { name }, spec });
  if (!parsed.ok) throw new Error(`${JSON.stringify(spec)}: ${parsed.faults.join('; ')}`);
  return parsed.policy;
}

const inspection: fc.Arbitrary<Evidence['inspection']> = fc.oneof(
  { weight: 1, arbitrary: fc.constant({ status: 'missing' as const }) },
  { weight: 1, arbitrary: fc.constant({ status: 'failed' as const, reason: 'gone' }) },
  {
    weight: 6,
    arbitrary: fc.record(
      {
        ...{ status: fc.constant('done' as const), kind },
        labels: fc.dictionary(labelName, labelValue, { maxKeys: 4 }),
        platformDigests: fc.uniqueArray(digest, { maxLength: 2 }),
        sizeBytes: fc.nat(10),
        platforms: fc.uniqueArray(platform, { maxLength: 3 }),
      },
      { requiredKeys: ['status', 'kind', 'labels', 'platformDigests'] },
    ),
  },
);

/** What may be known of an image. @param atMs Its scans are up to two days older */
export const anyEvidence = (atMs: number): fc.Arbitrary<Evidence> =>
  fc.tuple(anyFacts(atMs), fc.nat(9)).map(([facts, number]) => (number === 0 ? { ...facts, cannotWait: true } : facts));

const anyFacts = (atMs: number): fc.Arbitrary<Evidence> =>
  fc.record(
    {
      ...{ registry, repository, tag, digest, inspection },
      tenant: fc.oneof(tenant, fc.constant(null)),
      registries: fc.dictionary(
        fc.constantFrom('x', 'y', 'z', 'w'),
        fc.record({ isHealthy: fc.boolean(), usedBytes: fc.constantFrom(9, 10), wasChosen: fc.boolean() }, { requiredKeys: [] }),
        { maxKeys: 4 },
      ),
      usage,
      pullsByRegion: fc.dictionary(region, fc.nat(2), { maxKeys: 2 }),
      scans: fc.uniqueArray(
        fc.record(
          {
            ...{ digest, worstSeverity: severity },
            outcome: fc.constantFrom('scanned', 'scanned', 'scanned', 'failed'),
            reason: fc.constant(null),
            scannedAtMs: fc.integer({ min: 0, max: 48 }).map((hours) => atMs - hours * 3_600_000),
            findings: fc.uniqueArray(fc.record({ id: findingId, severity }), { selector: ({ id }) => id, maxLength: 3 }),
            findingsOmitted: fc.constantFrom(0, 0, 1),
          },
          { requiredKeys: ['digest', 'worstSeverity', 'outcome', 'reason', 'scannedAtMs'] },
        ),
        { selector: (fact) => fact.digest, maxLength: 3 },
      ),
      signatures: fc.uniqueArray(signature, { maxLength: 2 }),
      sboms: fc.array(fc.record({ digest, format }), { maxLength: 1 }),
    },
    { requiredKeys: ['registry', 'repository', 'tag', 'digest', 'inspection', 'scans'] },
  );
