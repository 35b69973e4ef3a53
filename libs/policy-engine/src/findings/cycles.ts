import { compilePattern, type Pattern } from '../pattern/pattern.ts';
import { repositoryShape, tagShape } from '../pattern/names.ts';
import type { Policy } from '../policy.ts';
import { selectIn } from '../targets/choose.ts';
import { textOf, type Image } from './image.ts';
import { requiredBy } from './required.ts';
import { findImage, type Blocker } from './search.ts';
import { everything, limit, limitAll, seen, type Space, type View } from './space.ts';
import { fill, findTemplate, then, unchanged, type Template } from './template.ts';
import { alwaysSpeaks, type Work } from './work.ts';

/** A copy that a policy makes. */
type Hop = { readonly policy: Policy; readonly at: number; readonly host: string; readonly repository: Template; readonly tag: Template };

/** Copies of copies: the images that go this way, where they are after the last hop, and who has to have decided each on its way. */
type Path = { readonly space: Space; readonly view: View; readonly hops: readonly Hop[]; readonly decisions: readonly Blocker[] };

/** Copies of a cycle, at most. */
const hopsMax = 10;
/** A copy that comes round under ever other names this often is taken to do so for ever. */
const roundsMin = 3;

/**
 * Copies that come back to where they began: the registry that was copied to reports a push, a policy decides that push, and so on. Under
 * the same name it comes to rest, unless two pushes chase each other; under another name each time it never does. A cycle uses each
 * target of each policy once. A copy of an image onto itself is none.
 */
export function findCycles(work: Work): void {
  const routes = routesOf(work);
  const cyclic = new Set<string>();
  for (const policy of routes.hops.keys()) {
    if (cyclic.has(policy.id)) continue;
    if (work.isFull()) {
      work.skip('cycle', [policy.id]);
      continue;
    }
    const starts = [...routes.at].filter(([, { all }]) => all.has(policy));
    work.ask('cycle', [policy.id], () => starts.some(([host]) => search(work, routes, policy, host, cyclic)));
  }
}

/** The policies that copy, in deciding order. */
type Routes = {
  readonly hops: ReadonlyMap<Policy, readonly Hop[]>;
  readonly place: ReadonlyMap<Policy, number>;
  /** Those about each registry that is copied to, and of them those that tell registries apart. */
  readonly at: ReadonlyMap<string, { readonly all: ReadonlySet<Policy>; readonly telling: readonly Policy[] }>;
};

function routesOf(work: Work): Routes {
  const hops = new Map<Policy, readonly Hop[]>();
  for (const policy of work.set.policies.filter(alwaysSpeaks)) {
    const own = hopsOf(policy, work);
    if (own.length > 0) hops.set(policy, own);
  }
  const policies = [...hops.keys()];
  const hosts = new Set([...hops.values()].flat().map(({ host }) => host));
  const at = new Map(
    [...hosts].map((host) => {
      const all = policies.filter((policy) => isAbout(policy, host));
      return [host, { all: new Set(all), telling: all.filter(tellsRegistries) }];
    }),
  );
  return { hops, place: new Map(policies.map((policy, i) => [policy, i])), at };
}

function hopsOf(policy: Policy, { registries = [], set, skip }: Work): readonly Hop[] {
  return (policy.document.spec.replicate ?? []).flatMap((target, at): readonly Hop[] => {
    // Whichever of them are chosen: each may be, one day.
    const names =
      target.registry === undefined
        ? selectIn(target.select ?? {}, set.surroundings).map(({ metadata }) => metadata.name)
        : [target.registry];
    const hosts = registries.filter(({ name }) => names.includes(name)).map(({ host }) => host);
    const [repository, tag] = [findTemplate(target.repository, '{repository}'), findTemplate(target.tag, '{tag}')];
    if (repository === undefined || tag === undefined) skip('cycle', [policy.id]);
    return repository === undefined || tag === undefined ? [] : hosts.map((host) => ({ policy, at, host, repository, tag }));
  });
}

const tellsRegistries = ({ clauses }: Policy): boolean =>
  clauses.some((clause) => clause.field === 'registries' || (clause.field === 'exclude' && clause.clause.field === 'registries'));

const isAbout = ({ clauses }: Policy, host: string): boolean =>
  clauses.every((clause) => {
    if (clause.field === 'registries') return isAnyOf(clause.patterns, host);
    return !(clause.field === 'exclude' && clause.clause.field === 'registries' && isAnyOf(clause.clause.patterns, host));
  });

const isAnyOf = (patterns: readonly Pattern[], host: string): boolean => patterns.some(({ test }) => test(host));

function search(work: Work, routes: Routes, policy: Policy, host: string, cyclic: Set<string>): boolean {
  const view: View = { registry: host, repository: unchanged, tag: unchanged };
  const atHost = limit(everything, { field: 'registries', patterns: [compilePattern(host)] }, true);
  const start = atHost && decidedBy(policy, { space: atHost, view, hops: [], decisions: [] }, work);
  return start !== undefined && goOn(work, routes, policy, start, cyclic);
}

/** Those images of a path that match a policy where they are, and that it can let go; undefined where there are none. */
function decidedBy(policy: Policy, path: Path, { solver }: Work): Path | undefined {
  const valid = limitAll(path.space, validNames, path.view);
  const matched = valid && limitAll(valid, policy.clauses, path.view);
  const space = matched && limitAll(matched, requiredClauses(policy));
  if (space === undefined || solver.solve(space) === undefined) return undefined;
  return { ...path, space, decisions: [...path.decisions, { policy, view: path.view }] };
}

const requiredClauses = (policy: Policy) => requiredBy(policy).flatMap(({ clauses }) => clauses);

const validNames = [
  { field: 'repositories' as const, patterns: [repositoryShape.isValid] },
  { field: 'tags' as const, patterns: [tagShape.isValid] },
];

function goOn(work: Work, routes: Routes, policy: Policy, path: Path, cyclic: Set<string>): boolean {
  for (const hop of routes.hops.get(policy) ?? []) {
    if (path.hops.includes(hop)) continue;
    for (const copied of copiedBy(hop, path)) {
      if (closes(work, copied, cyclic)) return true;
      if (copied.hops.length === hopsMax) {
        work.skip('cycle of more than 10 copies', [copied.decisions[0]!.policy.id]);
        continue;
      }
      for (const next of candidates(routes, copied)) {
        const decided = decidedBy(next, copied, work);
        if (decided && goOn(work, routes, next, decided, cyclic)) return true;
      }
    }
  }
  return false;
}

/** The path after a hop, without the images that this would copy onto themselves. */
function copiedBy(hop: Hop, { space, view, hops, decisions }: Path): readonly Path[] {
  const next = { registry: hop.host, repository: then(view.repository, hop.repository), tag: then(view.tag, hop.tag) };
  const path = { view: next, hops: [...hops, hop], decisions };
  if (view.registry !== hop.host) return [{ ...path, space }];
  const renamed = [otherThan(space, 'repositories', view, hop.repository), otherThan(space, 'tags', view, hop.tag)];
  return renamed.flatMap((other) => (other ? [{ ...path, space: other }] : []));
}

/** The images that a template gives another name than they have in a view. */
function otherThan(space: Space, field: 'repositories' | 'tags', view: View, template: Template): Space | undefined {
  if (template.kind === 'around') return template.before + template.after === '' ? undefined : space;
  return limit(space, { field, patterns: [exactly(template.text)] }, false, view);
}

const exactly = (text: string) => compilePattern({ regex: text.replaceAll(/[!-/:-@[-`{-~]/g, (char) => `\\${char}`) });

/**
 * Who may decide after the last hop. Where that has changed nothing but the registry, it is the same policy as before, or one before it
 * that tells registries apart.
 */
function candidates({ at, place }: Routes, { hops: gone, view, decisions }: Path): readonly Policy[] {
  const last = gone.at(-1)!;
  const here = at.get(view.registry!)!;
  const [{ policy: before }] = decisions.slice(-1) as [Blocker];
  const isRenamed = [last.repository, last.tag].some((template) => template.kind === 'fixed' || template.before + template.after !== '');
  if (isRenamed || !here.all.has(before)) return [...here.all];
  return [before, ...here.telling.filter((policy) => place.get(policy)! < place.get(before)!)];
}

/** Reports the path where it leads back: to the same image, or to the same policy under ever other names. */
function closes(work: Work, path: Path, cyclic: Set<string>): boolean {
  const [{ policy, view: origin }] = path.decisions as readonly [Blocker, ...Blocker[]];
  if (path.view.registry !== origin.registry) return false;
  const back = returning(path);
  const same = back && findImage(back, blockerIn(work, path.decisions), work.solver);
  if (same && path.hops.some(takesPart)) {
    const why = 'comes back to itself as some of its platforms, which take the place of the whole';
    tell(work, 'REPLICATION_SHRINKS', path, same, `${why}; name in spec.match.registries whose pushes each policy is about`, cyclic);
    return true;
  }
  if (same) {
    const advice =
      'two pushes at the same time can chase each other round; name in spec.match.registries whose pushes each policy is about';
    tell(work, 'REPLICATION_CYCLE', path, same, `comes back to itself: ${advice}`, cyclic);
    return true;
  }
  const again = goingRound(path);
  const other = again && findImage(again.space, blockerIn(work, again.decisions), work.solver);
  if (other === undefined) return false;
  const name = textOf(seen(other, path.view));
  const why = `comes back to ${policy.id} as ${name} and is copied again, under a longer name each time`;
  tell(work, 'REPLICATION_ENDLESS', path, other, `${why}; let spec.match leave out what the copies are called`, cyclic);
  return true;
}

const takesPart = ({ policy, at }: Hop): boolean => policy.document.spec.replicate?.[at]?.platforms !== undefined;

const blockerIn =
  ({ deciderOf }: Work, decisions: readonly Blocker[]) =>
  (image: Image): Blocker | undefined => {
    for (const { policy, view } of decisions) {
      const decider = deciderOf(seen(image, view));
      if (decider !== undefined && decider !== policy) return { policy: decider, view };
    }
    return undefined;
  };

/** Those images that have their own name again in the end. */
function returning({ space, view }: Path): Space | undefined {
  let back: Space | undefined = space;
  for (const [field, template] of [['repositories', view.repository] as const, ['tags', view.tag] as const]) {
    if (template.kind === 'around' && template.before + template.after !== '') return undefined;
    if (template.kind === 'fixed') back = back && limit(back, { field, patterns: [exactly(template.text)] }, true);
  }
  return back;
}

/** Those that are decided alike on each of the next rounds, under other names. */
function goingRound({ space, view, decisions }: Path): { readonly space: Space; readonly decisions: readonly Blocker[] } | undefined {
  const isLonger = [view.repository, view.tag].some((template) => template.kind === 'around' && template.before + template.after !== '');
  if (!isLonger) return undefined;
  let [within, all, round]: [Space | undefined, readonly Blocker[], View] = [space, decisions, view];
  for (let rounds = 1; rounds < roundsMin && within; rounds += 1) {
    const again = decisions.map((decision) => ({ policy: decision.policy, view: after(round, decision.view) }));
    for (const { policy, view: there } of again) {
      within = within && limitAll(within, validNames, there);
      within = within && limitAll(within, policy.clauses, there);
    }
    all = [...all, ...again];
    round = after(round, view);
  }
  return within && { space: within, decisions: all };
}

const after = (first: View, next: View): View => ({
  registry: next.registry,
  repository: then(first.repository, next.repository),
  tag: then(first.tag, next.tag),
});

type CycleCode = 'REPLICATION_CYCLE' | 'REPLICATION_ENDLESS' | 'REPLICATION_SHRINKS';

function tell(work: Work, code: CycleCode, { hops, view }: Path, image: Image, why: string, cyclic: Set<string>): void {
  const ids = [...new Set(hops.map(({ policy }) => policy.id))];
  for (const id of ids) cyclic.add(id);
  let [at, way] = [image, textOf(image)];
  for (const { policy, host, repository, tag } of hops) {
    at = { ...at, registry: host, repository: fill(repository, at.repository), tag: fill(tag, at.tag) };
    way += `, by ${policy.id} to ${at.registry}/${at.repository}:${at.tag}`;
  }
  work.report(
    code,
    ids,
    `spec.replicate.${hops[0]!.at}`,
    { ...image, registry: view.registry ?? image.registry },
    `a copy of ${way} ${why}`,
  );
}
