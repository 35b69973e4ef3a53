import { between } from './chars.ts';
import { chars, choice, literal, repeat, sequence, type Expression } from './expression.ts';

/** Digits of a number at most: all of them are safe integers. */
const digitsMax = 15;

export const digit = (first: string, last: string): Expression => chars(between(first, last));

/** Dotted numbers from one to another, both included, compared from the left. */
export function numbersBetween([low, ...lows]: readonly number[], [high, ...highs]: readonly number[]): Expression {
  if (low === undefined || high === undefined) return sequence();
  if (lows.length === 0) return numberBetween(low, high);
  const [zeros, ends] = [lows.map(() => 0), lows.map(() => Infinity)];
  const dotted = (first: Expression, rest: Expression): Expression => sequence(first, literal('.'), rest);
  if (low === high) return dotted(numberBetween(low, low), numbersBetween(lows, highs));
  const options = [dotted(numberBetween(low, low), numbersBetween(lows, ends))];
  const last = high === Infinity ? Infinity : high - 1;
  if (low + 1 <= last) options.push(dotted(numberBetween(low + 1, last), numbersBetween(zeros, ends)));
  if (high !== Infinity) options.push(dotted(numberBetween(high, high), numbersBetween(zeros, highs)));
  return choice(...options);
}

/** Numbers without leading zeros from one to another, both included. */
export function numberBetween(low: number, high: number): Expression {
  const [first, last] = [String(low).length, high === Infinity ? digitsMax : String(high).length];
  const nines = (length: number): string => '9'.repeat(length);
  if (high === Infinity) {
    const longer = sequence(digit('1', '9'), repeat(digit('0', '9'), first, digitsMax - 1));
    return choice(digitsBetween(String(low), nines(first)), ...(first < digitsMax ? [longer] : []));
  }
  const lengths = Array.from({ length: last - first + 1 }, (_, i) => first + i);
  return choice(
    ...lengths.map((length) =>
      digitsBetween(length === first ? String(low) : `1${'0'.repeat(length - 1)}`, length === last ? String(high) : nines(length)),
    ),
  );
}

/** Digits of one length. */
function digitsBetween(low: string, high: string): Expression {
  if (low === '') return sequence();
  if (/^0*$/.test(low) && /^9*$/.test(high)) return repeat(digit('0', '9'), low.length, low.length);
  const [zeros, nines] = ['0'.repeat(low.length - 1), '9'.repeat(low.length - 1)];
  const [first, last] = [low[0]!, high[0]!];
  if (first === last) return sequence(literal(first), digitsBetween(low.slice(1), high.slice(1)));
  const options = [sequence(literal(first), digitsBetween(low.slice(1), nines))];
  if (Number(last) - Number(first) > 1)
    options.push(sequence(digit(String(Number(first) + 1), String(Number(last) - 1)), digitsBetween(zeros, nines)));
  options.push(sequence(literal(last), digitsBetween(zeros, high.slice(1))));
  return choice(...options);
}
