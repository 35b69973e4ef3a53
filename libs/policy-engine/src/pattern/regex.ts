import { all, between, except, none, only, union, type Chars } from './chars.ts';
import { chars, choice, repeat, sequence, type Expression } from './expression.ts';
import { PatternError } from './pattern-error.ts';

/** Largest number in `{m,n}`, as in RE2 a bound on what it unfolds to. */
const countMax = 255;

const digits = between('0', '9');
const letters = union(between('a', 'z'), between('A', 'Z'));
const word = union(letters, digits, only('_'));
const space = union(between('\t', '\r'), only(' '));
const classes: Readonly<Record<string, Chars>> = {
  ...{ d: digits, w: word, s: space },
  ...{ D: except(digits), W: except(word), S: except(space) },
};

type Reader = { readonly text: string; at: number };

/**
 * The part of regular expressions that RE2 and JavaScript read alike and that needs no memory: characters, `.` (any), `[a-z]`, `[^a-z]`,
 * `\d \w \s \D \W \S` (of ASCII), groups, `|`, `* + ? {m} {m,} {m,n}` up to 255. The whole text must match, so that `^` and `$` have no
 * place, and neither have non-greedy repetitions. A backslash before punctuation takes it literally.
 * @throws PatternError for all else
 */
export function parseRegex(text: string): Expression {
  const reader: Reader = { text, at: 0 };
  const expression = readChoice(reader);
  if (reader.at < text.length) throw new PatternError('`)` closes no group: write `\\)` for the character', reader.at);
  return expression;
}

function readChoice(reader: Reader): Expression {
  const options = [readSequence(reader)];
  while (take(reader, '|')) options.push(readSequence(reader));
  return choice(...options);
}

function readSequence(reader: Reader): Expression {
  const parts: Expression[] = [];
  for (let next = peek(reader); next !== undefined && next !== '|' && next !== ')'; next = peek(reader))
    parts.push(readRepeated(reader, readAtom(reader)));
  return sequence(...parts);
}

function readAtom(reader: Reader): Expression {
  const at = reader.at;
  const char = next(reader);
  if (char === '(') return readGroup(reader, at);
  if (char === '[') return chars(readClass(reader, at));
  if (char === '\\') return chars(readEscape(reader, at));
  if (char === '.') return chars(all);
  if (char === '^' || char === '$') throw new PatternError(`leave out \`${char}\`: the whole text has to match anyway`, at);
  if ('*+?'.includes(char))
    throw new PatternError(`\`${char}\` has nothing before it to repeat: write \`\\${char}\` for the character`, at);
  if (']{}'.includes(char)) throw new PatternError(`write \`\\${char}\` for the character`, at);
  return chars(only(char));
}

function readGroup(reader: Reader, at: number): Expression {
  if (take(reader, '?') && !take(reader, ':'))
    throw new PatternError('lookaround, names and flags of groups cannot be matched in linear time: only `(…)` and `(?:…)` are known', at);
  const inside = readChoice(reader);
  if (!take(reader, ')')) throw new PatternError('the group has no end: add `)`', at);
  return inside;
}

function readRepeated(reader: Reader, part: Expression): Expression {
  const counts = readCounts(reader);
  if (counts === undefined) return part;
  const again = peek(reader) ?? '';
  if (again !== '' && '*+?{'.includes(again))
    throw new PatternError(
      `\`${again}\` after a repetition says nothing about a whole text: put a group around what it repeats`,
      reader.at,
    );
  return repeat(part, ...counts);
}

function readCounts(reader: Reader): readonly [min: number, max: number] | undefined {
  if (take(reader, '*')) return [0, Infinity];
  if (take(reader, '+')) return [1, Infinity];
  if (take(reader, '?')) return [0, 1];
  if (peek(reader) !== '{') return undefined;
  const [found, low = '', comma, high = ''] = /^\{(\d{1,3})(?:(,)(\d{0,3}))?\}/.exec(reader.text.slice(reader.at)) ?? [];
  if (found === undefined) throw new PatternError('write a count as `{2}`, `{2,}` or `{2,5}`, or `\\{` for the character', reader.at);
  const min = Number(low);
  const max = comma === undefined ? min : high === '' ? Infinity : Number(high);
  if (min > countMax || (max !== Infinity && max > countMax)) throw new PatternError(`a count is at most ${countMax}`, reader.at);
  if (min > max) throw new PatternError(`${min} to ${max} times is never: turn the two around`, reader.at);
  reader.at += found.length;
  return [min, max];
}

function readClass(reader: Reader, at: number): Chars {
  const isNegated = take(reader, '^');
  let set = none;
  while (!take(reader, ']')) {
    if (peek(reader) === undefined) throw new PatternError('the class has no end: add `]`', at);
    set = union(set, readRange(reader));
  }
  if (set.length === 0) throw new PatternError('an empty class matches nothing: name a character', at);
  return isNegated ? except(set) : set;
}

function readRange(reader: Reader): Chars {
  const at = reader.at;
  const low = readClassAtom(reader);
  if (peek(reader) !== '-' || reader.text[reader.at + 1] === ']') return low;
  take(reader, '-');
  const high = readClassAtom(reader);
  const [first, last] = [singleOf(low, at), singleOf(high, at)];
  if (first > last) throw new PatternError('the range runs backwards: turn its ends around', at);
  return [[first, last]];
}

function readClassAtom(reader: Reader): Chars {
  const at = reader.at;
  const char = next(reader);
  if (char === '\\') return readEscape(reader, at);
  if (char === '[' || char === '^') throw new PatternError(`write \`\\${char}\` for the character within a class`, at);
  return only(char);
}

function singleOf(set: Chars, at: number): number {
  const [[first, last]] = set as readonly [readonly [number, number]];
  if (set.length !== 1 || first !== last) throw new PatternError('a range goes from one character to another', at);
  return first;
}

function readEscape(reader: Reader, at: number): Chars {
  const char = next(reader);
  const known = Object.hasOwn(classes, char) ? classes[char] : undefined;
  if (known) return known;
  if (/^[!-/:-@[-`{-~]$/.test(char)) return only(char);
  throw new PatternError(`\`\\${char}\` is not known: there are \\d \\w \\s \\D \\W \\S and a backslash before punctuation`, at);
}

const peek = ({ text, at }: Reader): string | undefined => text[at];

function take(reader: Reader, char: string): boolean {
  if (peek(reader) !== char) return false;
  reader.at += 1;
  return true;
}

/** @throws PatternError at the end */
function next(reader: Reader): string {
  const codePoint = reader.text.codePointAt(reader.at);
  if (codePoint === undefined) throw new PatternError('it ends in the middle', reader.at);
  const char = String.fromCodePoint(codePoint);
  reader.at += char.length;
  return char;
}
