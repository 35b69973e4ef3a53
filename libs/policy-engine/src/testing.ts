import fc from 'fast-check';
import type { Evidence } from './evidence.ts';
import { parsePolicy, type Policy } from './policy.ts';

export { referenceEvaluate } from './reference.ts';

// Few words, so that policies and images meet often; the words share beginnings, which is what an index can get wrong.
const registry = fc.constantFrom('a.test', 'b.test', 'a.test:5000');
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
  { weight: 1, arbitrary: fc.constantFrom('**', '*', '**/app', '*/a*').map((text) => text) },
  { weight: 1, arbitrary: fc.constantFrom('a(b|pp)?', 'team-[0-9]+/.*', '(a|b)/app', '.*i').map((regex) => ({ regex })) },
);
const tagPattern = fc.oneof(
  { weight: 3, arbitrary: holed(tag) },
  { weight: 1, arbitrary: fc.constantFrom('>=1.2 <2', '^1.0.0', '*').map((semver) => ({ semver })) },
  { weight: 1, arbitrary: fc.constantFrom('v[0-9]+', 'v1\\..*', 'a?b?').map((regex) => ({ regex })) },
);
const few = <T>(arbitrary: fc.Arbitrary<T>) => fc.array(arbitrary, { minLength: 1, maxLength: 3 });
const labels = fc.dictionary(labelName, labelValue, { minKeys: 1, maxKeys: 2 });
const names = { registries: few(registry), repositories: few(repositoryPattern), tags: few(tagPattern), labels };
const exclude = fc.record(names, { requiredKeys: [] });
const match = fc.record(
  { ...names, tenants: few(tenant), kinds: few(kind), exclude: fc.oneof(fc.constant(undefined), exclude) },
  { requiredKeys: [] },
);
const target = fc.record(
  { registry: fc.constantFrom('x', 'y'), repository: fc.constantFrom('m/{repository}', 'fixed') },
  { requiredKeys: ['registry'] },
);
const scan = fc.record({
  withinHours: fc.constantFrom(1, 24),
  worstSeverity: fc.constantFrom('none', 'low', 'medium', 'high', 'critical'),
});
const says = fc.oneof(
  { weight: 1, arbitrary: fc.constant({ effect: 'deny' }) },
  {
    weight: 2,
    arbitrary: fc.record(
      { replicate: few(target), require: fc.record({ scan, labels }, { requiredKeys: [] }) },
      { requiredKeys: ['replicate'] },
    ),
  },
);

/** Valid policies of any kind, each with an id of its own. */
export const anyPolicies = (countMax: number): fc.Arbitrary<readonly Policy[]> =>
  fc.array(fc.tuple(fc.nat(3), match, says), { maxLength: countMax }).map((specs) =>
    specs.map(([priority, { exclude: excluded, ...asked }, said], index) => {
      const spec = { priority, match: { ...asked, ...(excluded === undefined ? {} : { exclude: excluded }) }, ...said };
      return policyOf(`p${index}`, spec);
    }),
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
    arbitrary: fc.record({
      status: fc.constant('done' as const),
      kind,
      labels: fc.dictionary(labelName, labelValue, { maxKeys: 4 }),
      platformDigests: fc.uniqueArray(digest, { maxLength: 2 }),
    }),
  },
);

/** What may be known of an image. @param atMs Its scans are up to two days older */
export const anyEvidence = (atMs: number): fc.Arbitrary<Evidence> =>
  fc.record(
    {
      ...{ registry, repository, tag, digest, inspection },
      tenant: fc.oneof(tenant, fc.constant(null)),
      scans: fc.uniqueArray(
        fc.record({
          ...{ digest, worstSeverity: severity },
          outcome: fc.constantFrom('scanned', 'scanned', 'failed'),
          reason: fc.constant(null),
          scannedAtMs: fc.integer({ min: 0, max: 48 }).map((hours) => atMs - hours * 3_600_000),
        }),
        { selector: (fact) => fact.digest, maxLength: 3 },
      ),
    },
    { requiredKeys: ['registry', 'repository', 'tag', 'digest', 'inspection', 'scans'] },
  );
