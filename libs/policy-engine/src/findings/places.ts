import type { Policy } from '../policy.ts';
import { selectIn } from '../targets/choose.ts';
import { reasonAgainst } from '../targets/explain-targets.ts';
import { clausesOfResidency, objectionTo } from '../targets/residency.ts';
import { textOf } from './image.ts';
import { everything, limitAll } from './space.ts';
import type { Work } from './work.ts';

/** What is published of registries against where they are, what selectors find, and targets where images must not lie. */
export function findPlaceMistakes(work: Work): void {
  checkRegistries(work);
  for (const policy of work.set.policies) {
    if (work.isFull()) {
      work.skip('places', [policy.id]);
      continue;
    }
    checkSelectors(work, policy);
    work.ask('places', [policy.id], () => checkResidency(work, policy));
  }
}

function checkRegistries({ registries, set, report, skip }: Work): void {
  const { Registry } = set.surroundings;
  if (registries === undefined) return Registry.size > 0 ? skip('registries', [], Registry.size) : undefined;
  const known = registries.map(({ name }) => name).join(', ') || 'none';
  for (const { metadata, spec } of Registry.values()) {
    const id = `registry/${metadata.name}`;
    const there = registries.find(({ name }) => name === metadata.name);
    if (there === undefined) {
      const what = `${id} describes a registry that registries.yaml does not name: it has ${known}`;
      report('REGISTRY_UNKNOWN', [id], 'metadata.name', null, `${what}; correct the name, or add the registry`);
    } else if (there.host !== spec.host) {
      const message = `${id} has the host ${spec.host}, and registries.yaml has ${there.host}; correct the one that is wrong`;
      report('REGISTRY_HOST_DIFFERS', [id], 'spec.host', null, message);
    }
  }
}

function checkSelectors(work: Work, policy: Policy): void {
  for (const [at, { select, copies }] of (policy.document.spec.replicate ?? []).entries()) {
    if (select === undefined) continue;
    const fit = selectIn(select, work.set.surroundings);
    if (fit.length >= (copies ?? 1)) continue;
    const own = limitAll(everything, policy.clauses);
    const image = (own && work.ask('places', [policy.id], () => work.solver.solve(own))) ?? null;
    const about = image === null ? '' : ` for images like ${textOf(image)}`;
    const others = [...work.set.surroundings.Registry.values()].flatMap((registry) => {
      const reason = reasonAgainst(registry, select);
      return reason === undefined ? [] : [`${registry.metadata.name}: ${reason}`];
    });
    const why = others.join('; ') || 'no Registry document is published';
    const what = `${policy.id} selects ${fit.length} registries${about}, and wants ${copies ?? 'at least 1'}`;
    const message = `${what} (${why}); correct the selector, or the Registry documents`;
    if (fit.length === 0) work.report('SELECTOR_EMPTY', [policy.id], `spec.replicate.${at}.select`, image, message);
    else work.report('COPIES_TOO_MANY', [policy.id], `spec.replicate.${at}.copies`, image, message);
  }
}

/** Nothing goes there; that somebody wants it to is worth knowing all the same. */
function checkResidency(work: Work, policy: Policy): void {
  const { surroundings } = work.set;
  for (const rule of surroundings.Residency.values()) {
    const about = limitAll(everything, [...policy.clauses, ...clausesOfResidency(rule)]);
    for (const [at, { registry }] of (policy.document.spec.replicate ?? []).entries()) {
      const objection = registry === undefined ? undefined : objectionTo(registry, { rules: [rule] }, surroundings);
      const image = objection === undefined || about === undefined ? undefined : work.solver.solve(about);
      if (image === undefined) continue;
      const what = `${policy.id} copies images like ${textOf(image)} to ${registry}, where they may not lie`;
      const message = `${what}: ${objection}; it is refused each time`;
      work.report('RESIDENCY_CONFLICT', [policy.id, `residency/${rule.metadata.name}`], `spec.replicate.${at}.registry`, image, message);
    }
  }
}
