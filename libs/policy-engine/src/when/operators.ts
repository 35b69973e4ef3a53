import { ConditionError } from './condition-error.ts';
import { typeOf, type Node } from './parse.ts';
import { lengthCheck, type Ask, type Scope } from './scope.ts';
import { binary, unary } from './strict.ts';
import { exact, Failure, type Result, type Value } from './value.ts';

type Binary = Exclude<Extract<Node, { readonly args: [Node, Node] }>, { readonly op: '[]' | '[?]' | '&&' | '||' }>;
type Operation = (left: Value, right: Value) => Result;

export const compileNot = (ask: Ask): Ask => unary(ask, (value) => value !== true);
export const compileMinus = (ask: Ask): Ask => unary(ask, (value) => -(value as number));

/** `==`, `<`, `+`, `in` and their like: both sides are needed. */
export function compileBinary(node: Binary, scope: Scope): Ask {
  const [left, right] = node.args.map((side) => scope.compile(side, scope)) as [Ask, Ask];
  return binary(left, right, operationOf(node, scope));
}

const moment = 'google.protobuf.Timestamp';
const scalars = ['string', 'int', 'double', 'bool', moment];
const ordered = ['int', 'double', moment];

function operationOf(node: Binary, scope: Scope): Operation {
  const { op, args, pos } = node;
  const types = args.map(typeOf) as [string, string];
  const areAll = (among: readonly string[]): boolean => types.every((type) => among.includes(type));
  if (op === 'in') return memberOf(node, scope);
  if (op === '==' || op === '!=') {
    if (!areAll(scalars)) throw new ConditionError('only single values are compared: look into lists with exists or all', pos);
    return op === '==' ? (a, b) => a === b : (a, b) => a !== b;
  }
  if (Object.hasOwn(orders, op)) {
    if (!areAll(ordered))
      throw new ConditionError('words have no order but that of their letters: compare severity(…) of them, or size(…)', pos);
    return orders[op as keyof typeof orders] as Operation;
  }
  if (op === '+' && areAll(['string'])) return ((a: string, b: string) => a + b) as Operation;
  if (areAll(['int'])) return wholes[op as keyof typeof wholes] as Operation;
  if (areAll(['double'])) return decimals[op as keyof typeof decimals] as Operation;
  throw new ConditionError(`${op} has no place between ${types.join(' and ')} in a condition`, pos);
}

function memberOf({ args: [left, right], pos }: Binary, scope: Scope): Operation {
  if (typeOf(right).startsWith('map<')) return ((key: string, map: object) => Object.hasOwn(map, key)) as Operation;
  if (!scalars.includes(typeOf(left))) throw new ConditionError('only single values are looked for with in', pos);
  // What is written out is short anyway.
  if (right.op === 'list') return ((value: Value, list: readonly Value[]) => list.includes(value)) as Operation;
  scope.onLoop();
  const refuse = lengthCheck(right, scope);
  return ((value: Value, list: readonly Value[]) => refuse(list) ?? list.includes(value)) as Operation;
}

const orders = {
  '<': (a: number, b: number) => a < b,
  '<=': (a: number, b: number) => a <= b,
  '>': (a: number, b: number) => a > b,
  '>=': (a: number, b: number) => a >= b,
} as const;

const unlessZero =
  (divide: (a: number, b: number) => number) =>
  (a: number, b: number): Result =>
    b === 0 ? new Failure('division by zero') : divide(a, b);

const wholes = {
  '+': (a: number, b: number) => exact(a + b),
  '-': (a: number, b: number) => exact(a - b),
  '*': (a: number, b: number) => exact(a * b),
  '/': unlessZero((a, b) => Math.trunc(a / b)),
  '%': unlessZero((a, b) => a % b),
} as const;

const decimals = {
  '+': (a: number, b: number) => a + b,
  '-': (a: number, b: number) => a - b,
  '*': (a: number, b: number) => a * b,
  '/': (a: number, b: number) => a / b,
} as const;
