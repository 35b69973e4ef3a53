import type { Clause } from '../clause.ts';
import { repositoryShape, tagShape } from '../pattern/names.ts';
import type { Policy } from '../policy.ts';
import { textOf, type Image } from './image.ts';
import { requiredBy } from './required.ts';
import { asItIs, everything, limit, limitAll, type Space } from './space.ts';
import { findTemplate } from './template.ts';
import type { Target } from '../document/target.ts';
import { selectIn } from '../targets/choose.ts';
import { normalized } from '../platforms.ts';
import type { Work } from './work.ts';

/** What is wrong with a policy by itself, in the light of what names can be and of the registries that there are. */
export function findMistakes(work: Work): void {
  const { registries } = work;
  if (registries === undefined) work.skip('registries', [], work.set.policies.length);
  const names = new Set(registries?.map(({ name }) => name));
  const hosts = (registries ?? []).map(({ host }) => host);
  for (const policy of work.set.policies) {
    if (work.isFull()) {
      work.skip('policy', [policy.id]);
      continue;
    }
    if (registries) checkRegistries(work, policy, names, hosts);
    work.ask('policy', [policy.id], () => checkMatch(work, policy));
  }
}

function checkRegistries({ report }: Work, policy: Policy, names: ReadonlySet<string>, hosts: readonly string[]): void {
  const { id, document } = policy;
  const known = [...names].join(', ') || 'none';
  for (const [at, { registry }] of (document.spec.replicate ?? []).entries()) {
    if (registry === undefined || names.has(registry)) continue;
    const what = `${id} copies to ${registry}, which registries.yaml does not name: it has ${known}`;
    report('REGISTRY_UNKNOWN', [id], `spec.replicate.${at}.registry`, null, `${what}; correct the name, or add the registry`);
  }
  for (const [at, pattern] of (policy.registries ?? []).entries()) {
    if (hosts.some(pattern.test)) continue;
    const what = `${id} is about images of ${pattern.text}, which is the host of no registry in registries.yaml`;
    const message = `${what}: nothing can be read from there; correct the host with its port, or add the registry`;
    report('REGISTRY_UNLISTED', [id], `spec.match.registries.${at}`, null, message);
  }
}

function checkMatch(work: Work, policy: Policy): void {
  const { id } = policy;
  const nothing = policy.clauses.flatMap((clause) => patternsThatMatchNothing(work, clause));
  for (const { path, text, what } of nothing) {
    const message = `${id} has the pattern ${text}, which no ${what} can match; correct it, or leave it out`;
    work.report('PATTERN_MATCHES_NOTHING', [id], path, null, message);
  }
  const own = limitAll(everything, policy.clauses);
  const image = own && work.solver.solve(own);
  if (own === undefined || image === undefined) {
    if (nothing.length > 0) return; // That is why.
    const message = `${id} matches no image at all: what spec.match asks for contradicts itself; correct it, or retire the policy`;
    work.report('POLICY_MATCHES_NOTHING', [id], 'spec.match', null, message);
    return;
  }
  checkTargets(work, policy, own, image);
  checkSamePlaces(work, policy, image);
  checkRequirements(work, policy, own, image);
}

type Nothing = { readonly path: string; readonly text: string; readonly what: string };

function patternsThatMatchNothing({ solver }: Work, clause: Clause): readonly Nothing[] {
  if (clause.field !== 'repositories' && clause.field !== 'tags') return [];
  return clause.patterns.flatMap((pattern, at) => {
    const alone = limit(everything, { ...clause, patterns: [pattern] }, true);
    if (alone && solver.solve(alone)) return [];
    return [{ path: `spec.match.${clause.field}.${at}`, text: pattern.text, what: clause.field === 'tags' ? 'tag' : 'repository' }];
  });
}

/** A target can fail for some images, which are then denied; for all of them it cannot be meant. */
function checkTargets(work: Work, { id, document: { spec } }: Policy, own: Space, image: Image): void {
  for (const [at, target] of (spec.replicate ?? []).entries()) {
    const [repository, tag] = [findTemplate(target.repository, '{repository}'), findTemplate(target.tag, '{tag}')];
    if (repository === undefined || tag === undefined) continue;
    const view = { ...asItIs, repository, tag };
    const valid = limitAll(
      own,
      [
        { field: 'repositories', patterns: [repositoryShape.isValid] },
        { field: 'tags', patterns: [tagShape.isValid] },
      ],
      view,
    );
    if (valid && work.solver.solve(valid)) continue;
    const message = `${id} is about images like ${textOf(image)}, and none of them has a valid name at its target; correct the template`;
    work.report('TARGET_NEVER_VALID', [id], `spec.replicate.${at}`, image, message);
  }
}

/** Of two targets that mean the same place the first counts. Told where their templates are written alike: so it is for each image. */
function checkSamePlaces({ set, report }: Work, { id, document: { spec } }: Policy, image: Image): void {
  const targets = (spec.replicate ?? []).map((target) => ({
    target,
    names: `${target.repository ?? '{repository}'}:${target.tag ?? '{tag}'}`,
    registries:
      target.registry === undefined
        ? selectIn(target.select ?? {}, set.surroundings).map(({ metadata }) => metadata.name)
        : [target.registry],
  }));
  for (const [at, { target, names, registries }] of targets.entries()) {
    const first = targets
      .slice(0, at)
      .findIndex((other) => other.names === names && other.registries.some((name) => registries.includes(name)));
    const earlier = targets[first];
    if (earlier === undefined) continue;
    const [kept, other] = [takingText(earlier.target), takingText(target)];
    if (kept === other) continue;
    const where = earlier.registries.find((name) => registries.includes(name));
    const both = `spec.replicate.${first} with ${kept}, which decides, and spec.replicate.${at} with ${other}`;
    const message = `${id} means ${where} twice under the same names: ${both}; leave one out, or give it another tag`;
    report('TARGETS_CONTRADICT', [id], `spec.replicate.${at}`, image, message);
  }
}

const takingText = ({ platforms, priorityClass = 'normal' }: Target): string =>
  `${platforms === undefined ? 'all platforms' : normalized(platforms).join(', ')} and class ${priorityClass}`;

function checkRequirements(work: Work, policy: Policy, own: Space, image: Image): void {
  for (const { path, clauses, what } of requiredBy(policy)) {
    const fulfilled = limitAll(own, clauses);
    if (fulfilled && work.solver.solve(fulfilled)) continue;
    const why = `${policy.id} requires ${what}: it denies all that it matches, like ${textOf(image)}`;
    work.report('REQUIREMENT_NEVER_HOLDS', [policy.id], path, image, `${why}; leave the requirement out, or say effect: deny`);
  }
}
