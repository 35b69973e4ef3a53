import { dead, overflown, type Automaton } from './automaton.ts';
import type { NameShape } from './names.ts';
import type { Pattern } from './pattern.ts';

/** Names that any of the patterns matches once `before` and `after` are put around them. */
export type Language = { readonly patterns: readonly Pattern[]; readonly before: string; readonly after: string };

/** What a name has to be in, all of it, and what it must not be in, any of it. */
export type NameConditions = { readonly within: readonly Language[]; readonly outside: readonly Language[] };

/** How much may be done yet; shared by the searches that it is handed to. */
export type Budget = { stepsLeft: number };

/** A search that would take more than its budget: not an answer. */
export class BudgetExceeded extends Error {
  override readonly name = 'BudgetExceeded';
}

/** @throws BudgetExceeded where no more is left */
export function spend(budget: Budget, steps: number): void {
  budget.stepsLeft -= steps;
  if (budget.stepsLeft < 0) throw new BudgetExceeded('the policies take too long to compare');
}

/** Sets of states met in one search. */
const visitedMax = 20_000;

export const isIn = ({ patterns, before, after }: Language, name: string): boolean =>
  patterns.some((pattern) => pattern.test(`${before}${name}${after}`));

export const isAmong = ({ within, outside }: NameConditions, name: string): boolean =>
  within.every((each) => isIn(each, name)) && !outside.some((each) => isIn(each, name));

/**
 * The shortest valid name that fulfils the conditions, the first one by the shape's alphabet; undefined where there is none at all.
 * Walks the product of all automata involved, breadth first.
 * @throws BudgetExceeded
 */
export function findName(conditions: NameConditions, shape: NameShape, budget: Budget): string | undefined {
  const isFit = (name: string): boolean => isValidName(shape, name) && isAmong(conditions, name);
  const spelt = conditions.within.find(({ patterns }) => patterns.every(({ isLiteral }) => isLiteral));
  if (spelt) return literalsOf(spelt).find(isFit);
  const start = commonStart(conditions.within);
  return start === undefined ? undefined : walk(conditions, shape, start, budget);
}

export const isValidName = ({ isValid, lengthMax }: NameShape, name: string): boolean => name.length <= lengthMax && isValid.test(name);

const literalsOf = ({ patterns, before, after }: Language): readonly string[] =>
  patterns
    .map(({ prefix }) => prefix)
    .filter((text) => text.length >= before.length + after.length && text.startsWith(before) && text.endsWith(after))
    .map((text) => text.slice(before.length, text.length - after.length))
    .toSorted((a, b) => a.length - b.length || (a < b ? -1 : 1));

/** What every name begins with that all of them let through; undefined where they contradict each other. */
function commonStart(languages: readonly Language[]): string | undefined {
  let longest = '';
  for (const { patterns, before, after } of languages) {
    const [only, another] = patterns;
    // What follows a name could be the end of the pattern's start.
    if (only === undefined || another !== undefined || after !== '') continue;
    const own = only.prefix.startsWith(before) ? only.prefix.slice(before.length) : '';
    if (!own.startsWith(longest) && !longest.startsWith(own)) return undefined;
    if (own.length > longest.length) longest = own;
  }
  return longest;
}

/** One pattern's automaton, entered behind what is put before the name. */
type Walker = { readonly automaton: Automaton; readonly start: number; readonly endsWell: (state: number) => boolean };
type Group = { readonly from: number; readonly to: number };

function walk({ within, outside }: NameConditions, shape: NameShape, start: string, budget: Budget): string | undefined {
  const walkers: Walker[] = [];
  const groupOf = ({ patterns, before, after }: Language): Group => {
    const from = walkers.length;
    for (const pattern of patterns) walkers.push(walkerOf(pattern.automaton(), before, after));
    return { from, to: walkers.length };
  };
  const wanted = [...within, { patterns: [shape.isValid], before: '', after: '' }].map(groupOf);
  const unwanted = outside.map(groupOf);
  const some = ({ from, to }: Group, states: readonly number[], is: (walker: Walker, state: number) => boolean): boolean => {
    for (let i = from; i < to; i += 1) if (is(walkers[i]!, states[i]!)) return true;
    return false;
  };
  const isAlive = (states: readonly number[]): boolean => wanted.every((group) => some(group, states, (_, state) => state !== dead));
  const ends = (states: readonly number[]): boolean => {
    const accepts = (group: Group): boolean => some(group, states, ({ endsWell }, state) => state !== dead && endsWell(state));
    return wanted.every(accepts) && !unwanted.some(accepts);
  };
  const characters = charactersOf(shape.alphabet, walkers);
  spend(budget, shape.alphabet.length * walkers.length);
  const advance = (states: readonly number[], codePoint: number): readonly number[] =>
    states.map((state, i) => (state === dead ? dead : checked(walkers[i]!.automaton.step(state, codePoint))));
  let states: readonly number[] = walkers.map((walker) => walker.start);
  for (const char of start) states = advance(states, char.codePointAt(0)!);
  return breadthFirst({ states, isAlive, ends, characters, advance }, start, shape.lengthMax, budget);
}

type Product = {
  readonly states: readonly number[];
  readonly isAlive: (states: readonly number[]) => boolean;
  readonly ends: (states: readonly number[]) => boolean;
  readonly characters: readonly number[];
  readonly advance: (states: readonly number[], codePoint: number) => readonly number[];
};

function breadthFirst(product: Product, start: string, lengthMax: number, budget: Budget): string | undefined {
  const seen = new Set([product.states.join()]);
  let edge: { readonly states: readonly number[]; readonly name: string }[] = [{ states: product.states, name: start }];
  for (let length = start.length; length <= lengthMax && edge.length > 0; length += 1) {
    const next: typeof edge = [];
    for (const { states, name } of edge) {
      if (!product.isAlive(states)) continue;
      if (product.ends(states)) return name;
      for (const codePoint of product.characters) {
        spend(budget, states.length);
        const after = product.advance(states, codePoint);
        const key = after.join();
        if (seen.has(key) || !product.isAlive(after)) continue;
        seen.add(key);
        if (seen.size > visitedMax) throw new BudgetExceeded('the patterns take too long to compare');
        next.push({ states: after, name: name + String.fromCodePoint(codePoint) });
      }
    }
    edge = next;
  }
  return undefined;
}

function walkerOf(automaton: Automaton, before: string, after: string): Walker {
  const from = (state: number, text: string): number =>
    [...text].reduce((at, char) => (at === dead ? dead : checked(automaton.step(at, char.codePointAt(0)!))), state);
  return { automaton, start: from(automaton.start, before), endsWell: (state) => automaton.accepts(from(state, after)) };
}

function checked(state: number): number {
  if (state === overflown) throw new BudgetExceeded('a pattern has too many states to compare');
  return state;
}

/** One character for all those that no automaton tells apart: the first of each group. Each automaton splits the groups further. */
function charactersOf(alphabet: string, walkers: readonly Walker[]): readonly number[] {
  const codePoints = [...alphabet].map((char) => char.codePointAt(0)!);
  let groups: readonly number[] = codePoints.map(() => 0);
  for (const { automaton } of walkers) {
    const ids = new Map<number, number>();
    groups = groups.map((group, i) => {
      const key = group * 0x10000 + automaton.classOf(codePoints[i]!);
      const id = ids.get(key) ?? ids.size;
      ids.set(key, id);
      return id;
    });
  }
  return codePoints.filter((_, i) => groups.indexOf(groups[i]!) === i);
}
