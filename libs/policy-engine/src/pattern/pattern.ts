import { accept, createAutomaton, type Automaton } from './automaton.ts';
import { literalsOf, prefixOf, sizeOf, suffixOf, type Expression } from './expression.ts';
import { findPlainTest, literalsInGlob, parseGlob } from './glob.ts';
import { PatternError } from './pattern-error.ts';
import { parseRegex } from './regex.ts';
import { parseSemverRange } from './semver-range.ts';

/** A pattern as it is written: a glob, or one of the two others by name. */
export type PatternText = string | { readonly regex: string } | { readonly semver: string };

/** A pattern over registries, repositories or tags. The whole name has to match. */
export type Pattern = {
  /** As people read it. */
  readonly text: string;
  /** Linear in the name's length, whatever the pattern: pushers choose the names. */
  readonly test: (name: string) => boolean;
  /** Every name that matches begins so; an index can rely on it. */
  readonly prefix: string;
  /** And ends so. */
  readonly suffix: string;
  /** Only the name `prefix` itself matches. */
  readonly isLiteral: boolean;
  /** Characters spelt out: the more, the more specific. */
  readonly specificity: number;
  /** Made when it is first asked for. */
  readonly automaton: () => Automaton;
};

const textLengthMax = 512;
const sizeMax = 4_000;

/** Thousands of policies ask for the same few names: they share a pattern, and what its automaton has learnt. Emptied when full. */
const known = new Map<string, Pattern>();
const knownMax = 1_000;

/**
 * @throws PatternError that says what is wrong and where; every text up to 512 characters is a glob
 */
export function compilePattern(written: PatternText): Pattern {
  const key = JSON.stringify(written);
  const found = known.get(key);
  if (found !== undefined) return found;
  const pattern = compile(written);
  if (known.size >= knownMax) known.clear();
  known.set(key, pattern);
  return pattern;
}

function compile(written: PatternText): Pattern {
  const text = textOf(written);
  const source = typeof written === 'string' ? written : 'regex' in written ? written.regex : written.semver;
  if (source.length > textLengthMax) throw new PatternError(`the pattern has ${source.length} characters: at most ${textLengthMax}`);
  const expression = parse(written);
  const size = sizeOf(expression);
  if (size > sizeMax) throw new PatternError(`the pattern unfolds to ${size} states: at most ${sizeMax}; use smaller counts`);
  const { text: prefix, isWhole: isLiteral } = prefixOf(expression);
  let made: Automaton | undefined;
  const automaton = (): Automaton => (made ??= createAutomaton(parse(written))); // Parsed anew: most are never walked.
  const plain = isLiteral ? (name: string): boolean => name === prefix : typeof written === 'string' ? findPlainTest(written) : undefined;
  return {
    text,
    test: plain ?? ((name) => name.startsWith(prefix) && accept(automaton(), name)),
    prefix,
    suffix: suffixOf(expression),
    isLiteral,
    specificity: typeof written === 'string' ? literalsInGlob(written) : literalsOf(expression),
    automaton,
  };
}

const textOf = (written: PatternText): string =>
  typeof written === 'string' ? written : 'regex' in written ? `regex ${written.regex}` : `semver ${written.semver}`;

function parse(written: PatternText): Expression {
  if (typeof written === 'string') return parseGlob(written);
  return 'regex' in written ? parseRegex(written.regex) : parseSemverRange(written.semver);
}
