import type { Ask } from './scope.ts';
import { isValue, lackOf, type Result, type Value } from './value.ts';

/** What needs its only argument. */
export const unary =
  (ask: Ask, operation: (value: Value) => Result): Ask =>
  (run) => {
    const value = ask(run);
    return isValue(value) ? operation(value) : value;
  };

/** What needs both of its arguments. */
export const binary =
  (left: Ask, right: Ask, operation: (left: Value, right: Value) => Result): Ask =>
  (run) => {
    const a = left(run);
    const b = right(run);
    return isValue(a) && isValue(b) ? operation(a, b) : lackOf([a, b]);
  };
