// main.ts <folder of the package> <folder of the data> <one|tenant> <count>: Cedar in WebAssembly with parsed policy sets, all in one or
// one per tenant. Cedar says which policies match; which of them decides, and what it requires, is done here. Prints a line of JSON.
import { readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { join } from 'node:path';
import { comparedCount, measure, type PeerDecision } from '../../../policy-figures.ts';
import type { peerData, PeerImage } from '../../../policy-input.ts';

type Cedar = {
  readonly preparsePolicySet: (
    name: string,
    set: { readonly staticPolicies: Readonly<Record<string, string>> },
  ) => { readonly type: string };
  readonly statefulIsAuthorized: (call: object) => {
    readonly type: string;
    readonly response: { readonly diagnostics: { readonly reason: readonly string[] } };
  };
};

const [packageDir, dataDir, arrangement, count] = process.argv.slice(2) as [string, string, string, string];
const manifest = join(packageDir, 'package.json');
const cedar = createRequire(manifest)('@cedar-policy/cedar-wasm/nodejs') as Cedar;
const { dependencies } = JSON.parse(readFileSync(manifest, 'utf8')) as { readonly dependencies: Readonly<Record<string, string>> };
const read = (name: string): unknown => JSON.parse(readFileSync(join(dataDir, name), 'utf8'));
const data = read('data.json') as ReturnType<typeof peerData>;
const images = read('images.json') as readonly PeerImage[];
const byId = new Map(data.policies.map((policy) => [policy.id, policy]));
const ranks = ['none', 'low', 'medium', 'high', 'critical'];

/** Cedar's `like` knows one wildcard, over any characters; no repository here has more than two segments. */
function textOf({ tenant, match }: (typeof data.policies)[number]): string {
  const labels = Object.entries(match.labels).map(([name, value]) => ` && resource.labels.${name} == "${value}"`);
  const names = `resource.repository like "${match.repository.replaceAll('**', '*')}" && resource.tag like "${match.tag}"`;
  return `permit(principal == Tenant::"${tenant}", action == Action::"place", resource) when { ${names}${labels.join('')} };`;
}

function prepare(name: string, policies: typeof data.policies): void {
  const { type } = cedar.preparsePolicySet(name, {
    staticPolicies: Object.fromEntries(policies.map((policy) => [policy.id, textOf(policy)])),
  });
  if (type !== 'success') throw new Error(`Cedar refuses the policies of ${name}`);
}

function decide(image: PeerImage): PeerDecision {
  const { tenant, repository, tag, labels, scan } = image;
  const { type, response } = cedar.statefulIsAuthorized({
    principal: { type: 'Tenant', id: tenant },
    action: { type: 'Action', id: 'place' },
    resource: { type: 'Image', id: 'i' },
    context: {},
    entities: [{ uid: { type: 'Image', id: 'i' }, attrs: { repository, tag, labels }, parents: [] }],
    preparsedPolicySetId: arrangement === 'one' ? 'one' : tenant,
    preparsedSchemaName: null,
    validateRequest: false,
  });
  if (type !== 'success') throw new Error('Cedar refuses the request');
  let first: (typeof data.policies)[number] | undefined;
  for (const id of response.diagnostics.reason) {
    const policy = byId.get(id)!;
    if (first === undefined || policy.place < first.place) first = policy;
  }
  if (first === undefined) return null;
  const { maxSeverity, scanMaxAgeHours } = first.requires;
  const allow = ranks.indexOf(scan.maxSeverity) <= ranks.indexOf(maxSeverity) && scan.ageHours <= scanMaxAgeHours;
  return { policy: first.id, allow, targets: allow ? first.targets : [] };
}

const begunAtMs = performance.now();
if (arrangement === 'one') prepare('one', data.policies);
else for (const [tenant, policies = []] of Object.entries(data.by_tenant)) prepare(tenant, policies);
const prepareMs = performance.now() - begunAtMs;
const figures = measure(Number(count), (index) => decide(images[index % images.length]!));
const decisions = images.slice(0, comparedCount).map(decide);
console.log(JSON.stringify({ version: dependencies['@cedar-policy/cedar-wasm'], prepareMs, ...figures, decisions }));
