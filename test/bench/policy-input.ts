import { compileSet, parsePolicy, type Evidence, type Policy } from '@waybill/policy-engine';
import { createRandom } from './random.ts';

/** A policy in the words of the peers. */
export type PeerPolicy = {
  readonly id: string;
  readonly tenant: string;
  readonly priority: number;
  readonly match: { readonly repository: string; readonly tag: string; readonly labels: Readonly<Record<string, string>> };
  readonly requires: { readonly maxSeverity: string; readonly scanMaxAgeHours: number };
  readonly targets: readonly string[];
};

export type PeerImage = {
  readonly tenant: string;
  readonly repository: string;
  readonly tag: string;
  readonly labels: Readonly<Record<string, string>>;
  readonly scan: { readonly maxSeverity: string; readonly ageHours: number };
};

const labels: Readonly<Record<string, readonly string[]>> = {
  env: ['prod', 'stage', 'dev'],
  tier: ['gold', 'silver'],
  pci: ['true', 'false'],
};
const services = ['api', 'web', 'job', 'lib'];
const severities = ['low', 'medium', 'high', 'critical'];
const tenantSize = 100;

function chooser(seed: number) {
  const random = createRandom(seed);
  const below = (count: number): number => random() % count;
  return { below, pick: <T>(items: readonly T[]): T => items[below(items.length)]! };
}

/** Tenants have 100 policies each. */
export function makePolicies(count: number): readonly PeerPolicy[] {
  const { below, pick } = chooser(1);
  return Array.from({ length: count }, (_, index) => {
    const [team, service] = [`team-${below(20)}`, pick(services)];
    const repositories = [`${team}/*`, `${team}/${service}-*`, `*/${service}-*`, `${team}/${service}-${below(30)}`, '**'];
    const asked = Array.from({ length: below(3) }, () => pick(Object.keys(labels)));
    return {
      id: `p${index}`,
      tenant: `tenant-${index % Math.ceil(count / tenantSize)}`,
      priority: below(1_000),
      match: {
        repository: repositories[pick([0, 1, 2, 3, 0, 1, 2, 3, 1, 4])]!,
        tag: pick(['*', 'v*', 'v1.*', 'v2.*', 'release-*', 'rc-*', 'main-*']),
        labels: Object.fromEntries(asked.map((name) => [name, pick(labels[name]!)])),
      },
      requires: { maxSeverity: pick(severities), scanMaxAgeHours: pick([24, 72, 168, 720]) },
      targets: [...new Set(Array.from({ length: 1 + below(4) }, () => `region-${below(12)}`))],
    };
  });
}

/** Images of the tenants of so many policies. */
export function makeImages(count: number, policiesCount: number): readonly PeerImage[] {
  const { below, pick } = chooser(2);
  return Array.from({ length: count }, () => ({
    tenant: `tenant-${below(Math.ceil(policiesCount / tenantSize))}`,
    repository: `team-${below(20)}/${pick(services)}-${below(30)}`,
    tag: pick([
      `v1.${below(20)}.${below(9)}`,
      `v2.${below(20)}.${below(9)}`,
      `release-${below(99)}`,
      `rc-${below(99)}`,
      'main-3f',
      'latest',
    ]),
    labels: Object.fromEntries(Object.entries(labels).map(([name, values]) => [name, pick(values)])),
    scan: { maxSeverity: pick(severities), ageHours: below(400) },
  }));
}

const groups = ['eu', 'us', 'asia'];
const flavours = ['alpine', 'debian', 'fips', 'slim'];
const appsCount = 2_000;

/** Policies of one tenant which differ in what lies behind a wildcard: neither tenant nor beginning tells them apart. */
export function makeWildcardPolicies(count: number): readonly PeerPolicy[] {
  const { below, pick } = chooser(3);
  return makePolicies(count).map((policy) => {
    const app = `app-${below(appsCount)}`;
    const repository = pick([`**/${app}`, `*/*/${app}`, `platform/**/${app}`, `**/${pick(groups)}/${app}`]);
    const tag = pick(['*', `*-${pick(flavours)}`, `v*-${pick(flavours)}`, `*.${below(20)}-${pick(flavours)}`]);
    return { ...policy, tenant: 'tenant-0', match: { ...policy.match, repository, tag } };
  });
}

export function makeWildcardImages(count: number): readonly PeerImage[] {
  const { below, pick } = chooser(4);
  return makeImages(count, 1).map((image) => {
    const tag = `v${1 + below(2)}.${below(20)}-${pick(flavours)}`;
    return { ...image, repository: `${pick(['platform', 'shop', 'lab'])}/${pick(groups)}/app-${below(appsCount)}`, tag };
  });
}

/** The same as documents of ours. @throws Error for one that is not valid */
export function ourPolicies(policies: readonly PeerPolicy[]): readonly Policy[] {
  return policies.map(({ id, tenant, priority, match, requires, targets }) => {
    const parsed = parsePolicy({
      ...{ apiVersion: 'waybill/v1', kind: 'ReplicationPolicy', metadata: { name: id } },
      spec: {
        priority,
        match: { tenants: [tenant], repositories: [match.repository], tags: [match.tag], labels: match.labels },
        require: { scan: { withinHours: requires.scanMaxAgeHours, worstSeverity: requires.maxSeverity } },
        replicate: targets.map((registry) => ({ registry })),
      },
    });
    if (!parsed.ok) throw new Error(`${id}: ${parsed.faults.join('; ')}`);
    return parsed.policy;
  });
}

export const nowMs = Date.UTC(2026, 0, 10);
const digest = `sha256:${'a'.repeat(64)}`;

export const ourEvidence = ({ tenant, repository, tag, labels, scan }: PeerImage): Evidence => ({
  ...{ registry: 'a.test', repository, tag, digest, tenant },
  inspection: { status: 'done', kind: 'image', labels, platformDigests: [digest] },
  scans: [{ digest, outcome: 'scanned', worstSeverity: scan.maxSeverity, reason: null, scannedAtMs: nowMs - scan.ageHours * 3_600_000 }],
});

/** What the peers are given: the policies in our deciding order, each with its place in it, once in one list and once by tenant. */
export function peerData(policies: readonly PeerPolicy[]) {
  const byId = new Map(policies.map((policy) => [policy.id, policy]));
  const placed = compileSet(ourPolicies(policies)).policies.map(({ id }, place) => ({ ...byId.get(id)!, place }));
  return { policies: placed, by_tenant: Object.groupBy(placed, ({ tenant }) => tenant) };
}
