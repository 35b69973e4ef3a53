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
