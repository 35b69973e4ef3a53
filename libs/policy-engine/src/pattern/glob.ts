import { all, except, only } from './chars.ts';
import { chars, literal, optional, repeat, sequence, type Expression } from './expression.ts';

const inSegment = chars(except(only('/')));
const segment = repeat(inSegment, 0);
const anything = repeat(chars(all), 0);
const directories = optional(sequence(anything, literal('/')));

/**
 * Globs over names: `*` is any text without a slash, `?` one character that is no slash, `**` any text, and `**` + `/` at the start of
 * a segment also nothing, so that `a/**` + `/b` matches `a/b`. All else stands for itself. Total: every text is a glob.
 */
export function parseGlob(text: string): Expression {
  const parts: Expression[] = [];
  const tokens = /\*\*|[^]/gu;
  for (let token = tokens.exec(text); token !== null; token = tokens.exec(text)) {
    const [found] = token;
    const startsSegment = token.index === 0 || text[token.index - 1] === '/';
    if (found === '**' && startsSegment && text[tokens.lastIndex] === '/') {
      parts.push(directories);
      tokens.lastIndex += 1;
    } else if (found === '**') parts.push(anything);
    else if (found === '*') parts.push(segment);
    else parts.push(found === '?' ? inSegment : literal(found));
  }
  return sequence(...parts);
}

/** How many characters of a glob stand for themselves. */
export const literalsInGlob = (text: string): number => text.replaceAll(/[*?]/g, '').length;

const oneWildcard = /^([^*?]*)([*]{1,2})([^*?]*)$/;

/** A test of a glob with one wildcard, by its beginning and its ending; undefined for one that takes an automaton. */
export function findPlainTest(glob: string): ((name: string) => boolean) | undefined {
  const [, beginning, wildcard, rest] = oneWildcard.exec(glob) ?? [];
  if (beginning === undefined || rest === undefined || !glob.isWellFormed()) return undefined;
  const isDirectories = wildcard === '**' && rest.startsWith('/') && (beginning === '' || beginning.endsWith('/'));
  const ending = isDirectories ? rest.slice(1) : rest;
  const fits = isDirectories ? areDirectories : wildcard === '*' ? isWithinSegment : () => true;
  return (name) => {
    const [from, to] = [beginning.length, name.length - ending.length];
    return from <= to && name.startsWith(beginning) && name.endsWith(ending) && fits(name, from, to);
  };
}

const areDirectories = (name: string, from: number, to: number): boolean => from === to || name[to - 1] === '/';

function isWithinSegment(name: string, from: number, to: number): boolean {
  const slash = name.indexOf('/', from);
  return slash === -1 || slash >= to;
}
