import type { Evidence } from './evidence.ts';
import type { Policy } from './policy.ts';

/** `unknown`: it depends on what the inspection will say. */
export type Matching = { readonly result: 'matched' | 'not-matched' | 'unknown'; readonly reason: string };

/** Whether a policy speaks of an image, and if not, the first thing that keeps it from it. */
export function matchPolicy(policy: Policy, evidence: Evidence): Matching {
  const { match } = policy.document.spec;
  const { registry, repository, tag, inspection } = evidence;
  if (match.registries && !match.registries.includes(registry)) return not(`registry ${registry} is not among ${listed(match.registries)}`);
  if (policy.repositories && !policy.repositories.some((glob) => glob(repository)))
    return not(`repository ${repository} matches none of ${listed(match.repositories)}`);
  if (policy.tags && !policy.tags.some((glob) => glob(tag))) return not(`tag ${tag} matches none of ${listed(match.tags)}`);
  const labels = Object.entries(match.labels ?? {});
  if (labels.length === 0 && match.kinds === undefined) return { result: 'matched', reason: 'matches' };
  if (inspection.status !== 'done')
    return { result: 'unknown', reason: `its ${match.kinds === undefined ? 'labels are' : 'kind is'} not known yet` };
  if (match.kinds && !(match.kinds as readonly string[]).includes(inspection.kind))
    return not(`it is an ${inspection.kind}, none of ${listed(match.kinds)}`);
  const wrong = labels.find(
    ([name, value]) => !Object.hasOwn(inspection.labels, name) || (value !== '*' && inspection.labels[name] !== value),
  );
  return wrong ? not(`label ${wrong[0]} is not ${wrong[1] === '*' ? 'there' : wrong[1]}`) : { result: 'matched', reason: 'matches' };
}

const not = (reason: string): Matching => ({ result: 'not-matched', reason });

const listedMax = 5;
const listed = (items: readonly string[] = []): string =>
  items.length <= listedMax ? items.join(', ') : `${items.slice(0, listedMax).join(', ')} and ${items.length - listedMax} more`;
