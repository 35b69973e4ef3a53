import { has, none, type Chars } from './chars.ts';
import type { Expression } from './expression.ts';

/**
 * A nondeterministic automaton. A state with `chars` goes on to `next` by one of them; one without goes on to `next` and `other` (-1:
 * nowhere) by itself. State 0 accepts. Source: K. Thompson, "Regular Expression Search Algorithm", CACM 11 (6), 1968.
 */
export type Nfa = { readonly states: readonly NfaState[]; readonly start: number };
type NfaState = { readonly chars: Chars | undefined; next: number; readonly other: number };

export const accepting = 0;

export function createNfa(expression: Expression): Nfa {
  const states: NfaState[] = [{ chars: undefined, next: -1, other: -1 }];
  const add = (set: Chars | undefined, next: number, other = -1): number => states.push({ chars: set, next, other }) - 1;

  /** @returns where to enter what matches the expression and then goes on to `to` */
  function build(part: Expression, to: number): number {
    switch (part.kind) {
      case 'chars':
        return add(part.chars, to);
      case 'sequence':
        return part.parts.reduceRight((next, each) => build(each, next), to);
      case 'choice':
        return part.options.reduceRight((other, option) => add(undefined, build(option, to), other), add(none, to));
      case 'repeat':
        return buildRepeat(part, to);
    }
  }

  function buildRepeat({ part, min, max }: Extract<Expression, { kind: 'repeat' }>, to: number): number {
    let entry = to;
    if (max === Infinity) {
      entry = add(undefined, to, to);
      states[entry]!.next = build(part, entry);
    } else for (let i = min; i < max; i += 1) entry = add(undefined, build(part, entry), to);
    for (let i = 0; i < min; i += 1) entry = build(part, entry);
    return entry;
  }

  const start = build(expression, accepting);
  return { states, start };
}

/** All that can be reached from these without a character and that reads one or accepts, ascending. */
export function reach({ states }: Nfa, from: Iterable<number>): readonly number[] {
  const seen = new Set(from);
  for (const at of seen) {
    // A set's loop also visits what is added meanwhile.
    const { chars, next, other } = states[at]!;
    if (chars !== undefined) continue;
    if (next >= 0) seen.add(next);
    if (other >= 0) seen.add(other);
  }
  return [...seen].filter((at) => at === accepting || states[at]!.chars !== undefined).toSorted((a, b) => a - b);
}

/** Where a character leads from the given states. */
export function advance(nfa: Nfa, from: readonly number[], codePoint: number): readonly number[] {
  const next: number[] = [];
  for (const at of from) {
    const state = nfa.states[at]!;
    if (state.chars !== undefined && has(state.chars, codePoint)) next.push(state.next);
  }
  return reach(nfa, next);
}
