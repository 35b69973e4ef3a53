import { PatternError } from '../pattern/pattern-error.ts';
import { rank, severities } from '../severity.ts';
import { compileHas } from './access.ts';
import { ConditionError } from './condition-error.ts';
import { compileLoop, isLoop, loopNames } from './loops.ts';
import type { Node } from './parse.ts';
import { sourceOf, type Ask, type Scope } from './scope.ts';
import { compileSearch } from './search-pattern.ts';
import { binary, unary } from './strict.ts';
import { exact, Failure, type Result, type Value } from './value.ts';

type Of<Op extends Node['op']> = Extract<Node, { readonly op: Op }>;

/** `size(…)`, `has(…)`. */
export function compileCall(node: Of<'call'>, scope: Scope): Ask {
  const [name, args] = node.args;
  if (name === 'has') return compileHas(args[0]!, scope);
  if (name === 'timestamp') return compileTimestamp(args[0]!);
  if (!Object.hasOwn(functions, name)) throw new ConditionError(`there is no ${name}(): there are ${functionNames}`, node.pos);
  const [arg] = args as [Node];
  if (name === 'severity' && arg.op === 'value' && !(severities as readonly unknown[]).includes(arg.args))
    throw new ConditionError(`there is no severity ${sourceOf(arg)}: there are ${severities.join(', ')}`, arg.pos);
  return unary(scope.compile(arg, scope), functions[name as keyof typeof functions] as Unary);
}

/** `image.tag.startsWith(…)`, `signatures.exists(s, …)`. */
export function compileMethod(node: Of<'rcall'>, scope: Scope): Ask {
  const [name, receiver, args] = node.args;
  if (isLoop(name)) return compileLoop(name, receiver, args, scope);
  const ask = scope.compile(receiver, scope);
  if (name === 'matches') return unary(ask, ownPattern(args[0]!) as Unary);
  if (name === 'size') return unary(ask, size);
  if (!Object.hasOwn(methods, name)) throw new ConditionError(`there is no .${name}(): there are ${methodNames}`, node.pos);
  const [arg] = args;
  const method = methods[name as keyof typeof methods];
  return arg === undefined ? unary(ask, method as Unary) : binary(ask, scope.compile(arg, scope), method as Binary);
}

type Unary = (value: Value) => Result;
type Binary = (value: Value, arg: Value) => Result;

const size = (value: Value): number => {
  if (typeof value === 'string') return [...value].length;
  return Array.isArray(value) ? value.length : Object.keys(value).length;
};

const functions = {
  size,
  severity: rank,
  int: (value: string | number): Result => {
    if (typeof value === 'number') return exact(Math.trunc(value));
    return /^[+-]?\d{1,15}$/.test(value)
      ? Number(value)
      : new Failure(`int() of ${JSON.stringify(value.slice(0, 40))}, which is no whole number`);
  },
} as const;
const functionNames = [...Object.keys(functions), 'has', 'timestamp'].join(', ');

/** Looking for one text in another takes their product in the worst case, and pushers write both. */
const soughtMax = 256;
const seeking =
  (find: (text: string, sought: string) => boolean) =>
  (text: string, sought: string): Result =>
    sought.length <= soughtMax
      ? find(text, sought)
      : new Failure(`a text of ${sought.length} characters is looked for: at most ${soughtMax}`);

const methods = {
  startsWith: seeking((text, start) => text.startsWith(start)),
  endsWith: seeking((text, end) => text.endsWith(end)),
  contains: seeking((text, part) => text.includes(part)),
  lowerAscii: (text: string) => text.replaceAll(/[A-Z]/g, (char) => char.toLowerCase()),
  upperAscii: (text: string) => text.replaceAll(/[a-z]/g, (char) => char.toUpperCase()),
} as const;
const methodNames = ['size', ...Object.keys(methods), 'matches', ...loopNames].join(', ');

/** Written out, so that it is checked and made ready when the policy is published. */
function ownPattern(arg: Node): (text: string) => boolean {
  if (arg.op !== 'value' || typeof arg.args !== 'string') throw new ConditionError('the pattern of matches() must be written out', arg.pos);
  try {
    return compileSearch(arg.args);
  } catch (error) {
    if (!(error instanceof PatternError)) throw error;
    throw new ConditionError(`${sourceOf(arg)}: ${error.message}`, arg.pos);
  }
}

function compileTimestamp(arg: Node): Ask {
  const text = arg.op === 'value' && typeof arg.args === 'string' ? arg.args : '';
  const atMs = Date.parse(text);
  // A day that no month has would be read as one of the next.
  if (!/^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ$/.test(text) || Number.isNaN(atMs) || !new Date(atMs).toISOString().startsWith(text.slice(0, -1)))
    throw new ConditionError("write a moment out, in UTC: timestamp('2026-12-31T00:00:00Z')", arg.pos);
  return () => atMs;
}
