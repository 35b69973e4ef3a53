import { between, only, union, type Chars } from './chars.ts';
import { chars, choice, literal, repeat, sequence, type Expression } from './expression.ts';
import { digit, numberBetween } from './numbers.ts';

/** As the semver package reads `rc.1`: `['rc', 1]`. */
export type Identifiers = readonly (string | number)[];
type Direction = 'above' | 'below';

const letters: Chars = union(between('a', 'z'), between('A', 'Z'), only('-'));
const character = chars(union(letters, between('0', '9')));
const anyRest = repeat(character, 0);
/** What is not a number: has something in it that is no digit. */
const word = sequence(repeat(digit('0', '9'), 0), chars(letters), anyRest);
const anyNumber = numberBetween(0, Infinity);
const identifier = choice(anyNumber, word);
const more = repeat(sequence(literal('.'), identifier), 0);

/** Identifiers of a build: there numbers may have leading zeros. */
export const buildIdentifiers = sequence(repeat(character, 1), repeat(sequence(literal('.'), repeat(character, 1)), 0));

/** Pre-releases that an operator (`''` is equal) lets through. Compared as semver 2.0.0 section 11 says: identifier by identifier. */
export function prereleasesBy(operator: string, ids: Identifiers): Expression {
  const same = literal(ids.join('.'));
  if (operator === '') return same;
  const beyond = operator.startsWith('>') ? above(ids) : below(ids);
  return operator.endsWith('=') ? choice(same, beyond) : beyond;
}

/** With one identifier more it is greater, as it is where the first that differs is. */
const above = (ids: Identifiers): Expression =>
  choice(
    ...ids.map((id, i) => sequence(...ids.slice(0, i).map(withDot), beyondIdentifier(id, 'above'), more)),
    sequence(literal(ids.join('.')), literal('.'), identifier, more),
  );

const below = (ids: Identifiers): Expression =>
  choice(
    ...ids.map((id, i) => sequence(...ids.slice(0, i).map(withDot), beyondIdentifier(id, 'below'), more)),
    ...ids.slice(1).map((_, i) => literal(ids.slice(0, i + 1).join('.'))),
  );

const withDot = (id: string | number): Expression => literal(`${id}.`);

/** Numbers come before words. */
function beyondIdentifier(id: string | number, direction: Direction): Expression {
  if (typeof id === 'string') return direction === 'above' ? wordBeyond(id, direction) : choice(anyNumber, wordBeyond(id, direction));
  if (direction === 'above') return choice(numberBetween(id + 1, Infinity), word);
  return id === 0 ? choice() : numberBetween(0, id - 1);
}

/** Words compare by their characters' codes; one that goes on is greater. */
function wordBeyond(id: string, direction: Direction): Expression {
  const isWord = (text: string): boolean => /\D/.test(text);
  const options = [...id].flatMap((char, i) => {
    const start = id.slice(0, i);
    const rest = (set: Chars): Expression => sequence(literal(start), chars(set), anyRest);
    const [lettersBeyond, digitsBeyond] = [beyond(letters, char, direction), beyond(between('0', '9'), char, direction)];
    const afterDigit = isWord(start) ? anyRest : word;
    return [rest(lettersBeyond), sequence(literal(start), chars(digitsBeyond), afterDigit)];
  });
  if (direction === 'above') return choice(...options, sequence(literal(id), repeat(character, 1)));
  const starts = [...id].map((_, i) => id.slice(0, i)).filter(isWord);
  return choice(...options, ...starts.map(literal));
}

function beyond(set: Chars, char: string, direction: Direction): Chars {
  const bound = char.codePointAt(0)!;
  const cut = ([first, last]: Chars[number]): Chars[number] =>
    direction === 'above' ? [Math.max(first, bound + 1), last] : [first, Math.min(last, bound - 1)];
  return set.map(cut).filter(([first, last]) => first <= last);
}
