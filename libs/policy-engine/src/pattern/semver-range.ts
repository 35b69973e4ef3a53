import type { Comparator } from 'semver';
import { Range, SemVer } from 'semver';
import { choice, literal, optional, sequence, type Expression } from './expression.ts';
import { numbersBetween } from './numbers.ts';
import { PatternError } from './pattern-error.ts';
import { buildIdentifiers, prereleasesBy } from './semver-prerelease.ts';

/** Major, minor, patch; as an upper end Infinity too. */
type Triple = readonly [major: number, minor: number, patch: number];

const endless: Triple = [Infinity, Infinity, Infinity];
const build = optional(sequence(literal('_'), buildIdentifiers));

/**
 * Tags that are versions within a range of npm's syntax (`^1.2`, `>=1.2.0 <2 || 3.x`): `major.minor.patch` in full, with or without a `v`
 * before it. A tag cannot hold the `+` of a build: what follows an `_` is taken for one, as Helm writes it, and says nothing. As in npm, a
 * pre-release (`1.2.3-rc.1`, and so `1.2.3-alpine`) is within a range only where the range names one of the same version.
 * @throws PatternError for what is no range, or lies between two pre-releases of one version
 */
export function parseSemverRange(text: string): Expression {
  const sets = comparatorsOf(text);
  return sequence(optional(literal('v')), choice(...sets.flatMap((set) => [releasesIn(set), ...prereleasesIn(set)])), build);
}

function comparatorsOf(text: string): Range['set'] {
  try {
    return new Range(text).set;
  } catch {
    throw new PatternError(`${text} is no range of versions: write one as in \`^1.2\` or \`>=1.2.0 <2\``);
  }
}

function releasesIn(comparators: readonly Comparator[]): Expression {
  let [low, high]: [Triple, Triple] = [[0, 0, 0], endless];
  for (const comparator of comparators) {
    if (!isBounded(comparator)) continue;
    const { operator, semver } = comparator;
    const at = tripleOf(semver);
    const isBefore = semver.prerelease.length > 0; // The release comes after its pre-releases.
    const lowest = operator === '>' && !isBefore ? ([at[0], at[1], at[2] + 1] as const) : at;
    const highest = operator === '<' || isBefore ? before(at) : at;
    if (!operator.startsWith('<')) low = later(low, lowest);
    if (operator === '') low = later(low, isBefore ? [...endless] : at);
    if (!operator.startsWith('>')) high = later(high, highest) === high ? highest : high;
  }
  return compare(low, high) > 0 ? choice() : numbersBetween(low, high);
}

const isBounded = ({ semver }: Comparator): boolean => semver instanceof SemVer;
const tripleOf = ({ major, minor, patch }: SemVer): Triple => [major, minor, patch];
const later = (a: Triple, b: Triple): Triple => (compare(a, b) >= 0 ? a : b);

function compare(a: readonly number[], b: readonly number[]): number {
  const at = a.findIndex((number, i) => number !== b[i]);
  return at < 0 ? 0 : a[at]! - b[at]!;
}

function before([major, minor, patch]: Triple): Triple {
  if (patch > 0) return [major, minor, patch - 1];
  return minor > 0 ? [major, minor - 1, Infinity] : [major - 1, Infinity, Infinity];
}

/** Pre-releases count only of versions of which the range names one. */
function prereleasesIn(comparators: readonly Comparator[]): readonly Expression[] {
  const bounds = comparators.filter(isBounded);
  const named = new Map(
    bounds.filter(({ semver }) => semver.prerelease.length > 0).map(({ semver }) => [tripleOf(semver).join('.'), semver]),
  );
  return [...named].flatMap(([release, version]) => {
    const within = bounds.filter(({ semver }) => semver.compareMain(version) === 0);
    const others = bounds.filter(({ semver }) => semver.compareMain(version) !== 0);
    const isOut =
      others.some((bound) => !bound.test(version)) ||
      within.some(({ semver, operator }) => semver.prerelease.length === 0 && !operator.startsWith('<'));
    if (isOut) return [];
    const ends = within.filter(({ semver }) => semver.prerelease.length > 0);
    if (ends.length > 1) throw new PatternError(`a range between two pre-releases of ${release} is not known: name them in a regex`);
    const [{ operator, semver }] = ends as [Comparator];
    return [sequence(literal(`${release}-`), prereleasesBy(operator, semver.prerelease))];
  });
}
