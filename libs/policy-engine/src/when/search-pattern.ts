import { accept, createAutomaton } from '../pattern/automaton.ts';
import { all } from '../pattern/chars.ts';
import { chars, choice, repeat, sequence, sizeOf, type Expression } from '../pattern/expression.ts';
import { PatternError } from '../pattern/pattern-error.ts';
import { parseRegex } from '../pattern/regex.ts';

const sizeMax = 1_000;
const anything = repeat(chars(all), 0);

/**
 * A regular expression that is looked for anywhere in a text, as `matches` of CEL does: `^` before and `$` after an alternative tie it to
 * the ends. Linear in the text, like all patterns here.
 * @throws PatternError
 */
export function compileSearch(regex: string): (text: string) => boolean {
  const expression = choice(...alternativesOf(regex).map(readAlternative));
  const size = sizeOf(expression);
  if (size > sizeMax) throw new PatternError(`the pattern unfolds to ${size} states: at most ${sizeMax}; use smaller counts`);
  const automaton = createAutomaton(expression);
  return (text) => accept(automaton, text);
}

function readAlternative(text: string): Expression {
  const isFromStart = text.startsWith('^');
  const isToEnd = /(?<!\\)(?:\\\\)*\$$/.test(text);
  const inner = parseRegex(text.slice(isFromStart ? 1 : 0, isToEnd ? -1 : undefined));
  return sequence(...(isFromStart ? [] : [anything]), inner, ...(isToEnd ? [] : [anything]));
}

/** What `|` divides outside of groups and classes. */
function alternativesOf(regex: string): readonly string[] {
  const alternatives: string[] = [];
  let [start, depth, isInClass] = [0, 0, false];
  for (let at = 0; at < regex.length; at += 1) {
    const char = regex[at];
    if (char === '\\') at += 1;
    else if (isInClass) isInClass = char !== ']';
    else if (char === '[') isInClass = true;
    else if (char === '(') depth += 1;
    else if (char === ')') depth -= 1;
    else if (char === '|' && depth === 0) {
      alternatives.push(regex.slice(start, at));
      start = at + 1;
    }
  }
  return [...alternatives, regex.slice(start)];
}
