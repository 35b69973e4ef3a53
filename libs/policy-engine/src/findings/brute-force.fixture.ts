import { inOrder } from '../order.ts';
import { compilePattern } from '../pattern/pattern.ts';
import type { Policy } from '../policy.ts';
import type { Image } from './image.ts';
import { sayingOf } from './overlaps.ts';
import { alwaysSpeaks } from './work.ts';

/** All names of up to so many of the letters that patterns speak of, and one more that stands for all others. */
const names = (lengthMax: number): readonly string[] => {
  let longest = [''];
  const all: string[] = [];
  for (let length = 1; length <= lengthMax; length += 1) {
    longest = longest.flatMap((name) => ['a', 'b', 'c'].map((letter) => name + letter));
    all.push(...longest);
  }
  return all;
};

const repositories = [...names(3), 'a/a', 'a/b', 'b/a', 'b/b', 'a/c', 'c/a', 'c/c', 'b/c', 'c/b'];
const tags = [...names(1), 'cc'];
const hosts = ['a.test', 'b.test', 'c.test'];
const labelSets: readonly Image['labels'][] = [{}, { x: '1' }, { x: '2' }];

const kindsAndPlatforms = [['image'], ['image', 'linux/amd64'], ['artifact'], ['index'], ['index', 'linux/amd64']] as const;

/** Every image of a universe that is small enough to try them all. */
export const universe: readonly Image[] = hosts.flatMap((registry) =>
  repositories.flatMap((repository) =>
    tags.flatMap((tag) =>
      [null, 't'].flatMap((tenant) =>
        kindsAndPlatforms.flatMap(([kind, ...platforms]) =>
          labelSets.map((labels) => ({ registry, repository, tag, tenant, kind, platforms, labels })),
        ),
      ),
    ),
  ),
);

const matcherOf = ({ document: { spec } }: Policy): ((image: Image) => boolean) => {
  const { tenants, kinds, platforms, labels = {} } = spec.match;
  const matched = (names: readonly string[], patterns: (typeof spec.match)['tags']): ReadonlySet<string> => {
    const tests = patterns?.map((text) => compilePattern(text).test);
    return new Set(names.filter((name) => tests?.some((test) => test(name)) ?? true));
  };
  const inRegistries = matched(hosts, spec.match.registries);
  const [inRepositories, inTags] = [matched(repositories, spec.match.repositories), matched(tags, spec.match.tags)];
  return (image) =>
    inRegistries.has(image.registry) &&
    (platforms?.some((platform) => image.platforms.includes(platform)) ?? true) &&
    (tenants?.includes(image.tenant ?? '') ?? true) &&
    ((kinds as readonly string[] | undefined)?.includes(image.kind) ?? true) &&
    Object.entries(labels).every(([name, value]) => (value === '*' ? name in image.labels : image.labels[name] === value)) &&
    inRepositories.has(image.repository) &&
    inTags.has(image.tag);
};

/** What trying every image says about policies. `overlaps` as `first second`. */
export function tryAll(policies: readonly Policy[], hostOf: ReadonlyMap<string, string>) {
  const ordered = inOrder(policies).map((policy) => ({ policy, matches: matcherOf(policy) }));
  const [overlaps, deciding, matching] = [new Set<string>(), new Set<string>(), new Set<string>()];
  for (const image of universe) {
    const all = ordered.filter(({ matches }) => matches(image)).map(({ policy }) => policy);
    for (const { id } of all) matching.add(id);
    // Those with a condition decide or do not: what is decided for certain is decided by others.
    const [first, ...others] = all.filter(alwaysSpeaks);
    for (const { id } of first === undefined ? all : all.slice(0, all.indexOf(first) + 1)) deciding.add(id);
    if (first === undefined) continue;
    for (const other of others)
      if (other.priority === first.priority && sayingOf(other) !== sayingOf(first)) overlaps.add(`${first.id} ${other.id}`);
  }
  const copies = (image: Image) => {
    const decider = ordered.find(({ policy, matches }) => alwaysSpeaks(policy) && matches(image))?.policy;
    return (decider?.document.spec.replicate ?? []).map((target, at) => ({
      hop: `${decider!.id}/${at}`,
      image: {
        ...image,
        registry: hostOf.get(target.registry!)!,
        repository: target.repository?.replace('{repository}', image.repository) ?? image.repository,
        tag: target.tag?.replace('{tag}', image.tag) ?? image.tag,
      },
    }));
  };
  return { overlaps, deciding, matching, cyclic: cyclicIn(copies) };
}

type Copies = (image: Image) => readonly { readonly hop: string; readonly image: Image }[];
const keyOf = ({ registry, repository, tag }: Image): string => `${registry}/${repository}:${tag}`;

/** Policies of which a copy comes back to where it was, over each target at most once. */
function cyclicIn(copies: Copies): ReadonlySet<string> {
  const cyclic = new Set<string>();
  const follow = (origin: string, at: Image, way: readonly string[]): void => {
    for (const { hop, image } of copies(at)) {
      if (way.includes(hop) || keyOf(image) === keyOf(at)) continue;
      const longer = [...way, hop];
      if (keyOf(image) === origin) for (const each of longer) cyclic.add(each.split('/')[0]!);
      else follow(origin, image, longer);
    }
  };
  for (const image of universe) follow(keyOf(image), image, []);
  return cyclic;
}
