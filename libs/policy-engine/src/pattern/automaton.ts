import type { Expression } from './expression.ts';
import { accepting, advance, createNfa, reach, type Nfa } from './nfa.ts';

/**
 * A deterministic automaton, made as far as it is walked. States are numbers; {@link dead} is the one that never accepts again.
 * Characters that no state tells apart form a class.
 */
export type Automaton = {
  readonly start: number;
  /** Which class a character is in. */
  readonly classOf: (codePoint: number) => number;
  /** @returns {@link overflown} where that would be one state too many */
  readonly step: (state: number, codePoint: number) => number;
  readonly accepts: (state: number) => boolean;
  /** The same answer as walking it, without making states. Pattern times text steps. */
  readonly simulate: (text: string) => boolean;
  /** How many states have been made. */
  readonly statesCount: () => number;
};

export const dead = 0;
export const overflown = -1;
const unknown = -2;

/** An automaton of n nondeterministic states can have 2^n deterministic ones. */
export const automatonStatesMax = 2_000;

export function createAutomaton(expression: Expression): Automaton {
  const nfa = createNfa(expression);
  const classStarts = classStartsOf(nfa);
  const classOfAscii = Uint16Array.from({ length: 128 }, (_, codePoint) => classIn(classStarts, codePoint));
  const classOf = (codePoint: number): number => (codePoint < 128 ? classOfAscii[codePoint]! : classIn(classStarts, codePoint));
  const sets: (readonly number[])[] = [];
  const ids = new Map<string, number>();
  const table: number[] = [];
  const idOf = (set: readonly number[]): number => {
    const key = set.join();
    const known = ids.get(key);
    if (known !== undefined) return known;
    if (sets.length >= automatonStatesMax) return overflown;
    ids.set(key, sets.length);
    for (let i = 0; i < classStarts.length; i += 1) table.push(unknown);
    return sets.push(set) - 1;
  };
  idOf([]); // Number 0: dead.
  const start = idOf(reach(nfa, [nfa.start]));

  return {
    start,
    classOf,
    step: (state, codePoint) => {
      const charClass = classOf(codePoint);
      const at = state * classStarts.length + charClass;
      const known = table[at]!;
      if (known !== unknown) return known;
      const next = idOf(advance(nfa, sets[state]!, classStarts[charClass]!));
      if (next !== overflown) table[at] = next;
      return next;
    },
    accepts: (state) => sets[state]!.includes(accepting),
    statesCount: () => sets.length,
    simulate: (text) => {
      let states = sets[start]!;
      for (let i = 0; i < text.length && states.length > 0; i += 1) {
        const codePoint = text.codePointAt(i)!;
        if (codePoint > 0xffff) i += 1;
        states = advance(nfa, states, codePoint);
      }
      return states.includes(accepting);
    },
  };
}

/** Whether a text matches as a whole; linear in its length. */
export function accept(automaton: Automaton, text: string): boolean {
  let state = automaton.start;
  for (let i = 0; i < text.length; i += 1) {
    const codePoint = text.codePointAt(i)!;
    if (codePoint > 0xffff) i += 1;
    state = automaton.step(state, codePoint);
    if (state === dead) return false;
    if (state === overflown) return automaton.simulate(text);
  }
  return automaton.accepts(state);
}

function classStartsOf({ states }: Nfa): readonly number[] {
  const starts = new Set([0]);
  for (const { chars = [] } of states) for (const [first, last] of chars) starts.add(first).add(last + 1);
  return [...starts].toSorted((a, b) => a - b);
}

/** The last class that begins at or before a code point. */
function classIn(starts: readonly number[], codePoint: number): number {
  let [low, high] = [0, starts.length - 1];
  while (low < high) {
    const middle = (low + high + 1) >> 1;
    if (starts[middle]! <= codePoint) low = middle;
    else high = middle - 1;
  }
  return low;
}
