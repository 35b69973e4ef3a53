import { findOnly, only, type Chars } from './chars.ts';

/** What every way of writing a pattern is read into. Matches a text as a whole. */
export type Expression =
  | { readonly kind: 'chars'; readonly chars: Chars }
  | { readonly kind: 'sequence'; readonly parts: readonly Expression[] }
  /** Any of them; without one, nothing at all. */
  | { readonly kind: 'choice'; readonly options: readonly Expression[] }
  /** `max` may be Infinity. */
  | { readonly kind: 'repeat'; readonly part: Expression; readonly min: number; readonly max: number };

export const chars = (set: Chars): Expression => ({ kind: 'chars', chars: set });
export const sequence = (...parts: readonly Expression[]): Expression =>
  parts.length === 1 ? parts[0]! : { kind: 'sequence', parts: parts.flatMap((part) => (part.kind === 'sequence' ? part.parts : [part])) };
export const choice = (...options: readonly Expression[]): Expression => (options.length === 1 ? options[0]! : { kind: 'choice', options });
export const repeat = (part: Expression, min: number, max = Infinity): Expression => ({ kind: 'repeat', part, min, max });
export const optional = (part: Expression): Expression => repeat(part, 0, 1);
export const literal = (text: string): Expression => sequence(...[...text].map((char) => chars(only(char))));

/** States of the automaton that it becomes, at most. Counted before anything is built: `((a{255}){255}){255}` is 15 characters long. */
export function sizeOf(expression: Expression): number {
  switch (expression.kind) {
    case 'chars':
      return 1;
    case 'sequence':
      return expression.parts.reduce((sum, part) => sum + sizeOf(part), 0);
    case 'choice':
      return expression.options.reduce((sum, option) => sum + sizeOf(option) + 1, 1);
    case 'repeat': {
      const { part, min, max } = expression;
      return (sizeOf(part) + 1) * (max === Infinity ? min + 1 : max);
    }
  }
}

/** What every text that matches begins with; `isWhole` where that is all there is to it. */
export type Prefix = { readonly text: string; readonly isWhole: boolean };

export function prefixOf(expression: Expression): Prefix {
  switch (expression.kind) {
    case 'chars': {
      const char = findOnly(expression.chars);
      return { text: char ?? '', isWhole: char !== undefined };
    }
    case 'sequence':
      return prefixOfSequence(expression.parts);
    case 'choice': {
      const [first, ...others] = expression.options.map(prefixOf);
      if (first === undefined) return { text: '', isWhole: false };
      const isOne = others.every(({ text, isWhole }) => isWhole && text === first.text);
      return { text: others.reduce((shared, { text }) => sharedStart(shared, text), first.text), isWhole: first.isWhole && isOne };
    }
    case 'repeat': {
      const { part, min, max } = expression;
      if (min === 0) return { text: '', isWhole: max === 0 };
      const { text, isWhole } = prefixOf(part);
      return isWhole ? { text: text.repeat(min), isWhole: min === max } : { text, isWhole: false };
    }
  }
}

function prefixOfSequence(parts: readonly Expression[]): Prefix {
  let text = '';
  for (const part of parts) {
    const prefix = prefixOf(part);
    text += prefix.text;
    if (!prefix.isWhole) return { text, isWhole: false };
  }
  return { text, isWhole: true };
}

/** Of whole characters, so that it can be turned around. */
function sharedStart(a: string, b: string): string {
  let shared = '';
  for (const char of a) {
    if (b.codePointAt(shared.length) !== char.codePointAt(0)) break;
    shared += char;
  }
  return shared;
}

/** What every text that matches ends with. */
export const suffixOf = (expression: Expression): string => [...prefixOf(turned(expression)).text].toReversed().join('');

/** Matches the same texts, read backwards. */
function turned(expression: Expression): Expression {
  switch (expression.kind) {
    case 'chars':
      return expression;
    case 'sequence':
      return { ...expression, parts: expression.parts.map(turned).toReversed() };
    case 'choice':
      return { ...expression, options: expression.options.map(turned) };
    case 'repeat':
      return { ...expression, part: turned(expression.part) };
  }
}

/** How many characters are spelt out in every text that matches: the more, the more specific. */
export function literalsOf(expression: Expression): number {
  switch (expression.kind) {
    case 'chars':
      return findOnly(expression.chars) === undefined ? 0 : 1;
    case 'sequence':
      return expression.parts.reduce((sum, part) => sum + literalsOf(part), 0);
    case 'choice':
      return expression.options.length === 0 ? 0 : Math.min(...expression.options.map(literalsOf));
    case 'repeat':
      return literalsOf(expression.part) * expression.min;
  }
}
