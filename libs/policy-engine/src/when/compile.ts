import { compileAccess, compileIndex, compileName } from './access.ts';
import { compileCall, compileMethod } from './calls.ts';
import { ConditionError } from './condition-error.ts';
import { compileBinary, compileMinus, compileNot } from './operators.ts';
import type { Node } from './parse.ts';
import type { Ask, Scope } from './scope.ts';
import { decide, isValue, lackOf } from './value.ts';

/**
 * What has been parsed, as functions. The parser's own evaluator is not used: it knows no facts that are still to come, matches by
 * expressions that backtrack, and reads calendars in the zone of the machine. Whatever has no place here does not exist.
 * @throws ConditionError
 */
export function compile(node: Node, scope: Scope): Ask {
  switch (node.op) {
    case 'value':
      return compileLiteral(node);
    case 'list':
      return compileList(node.args, scope);
    case 'id':
      return compileName(node, scope);
    case '.':
      return compileAccess(node, scope);
    case '[]':
      return compileIndex(node, scope);
    case 'call':
      return compileCall(node, scope);
    case 'rcall':
      return compileMethod(node, scope);
    case '!_':
      return compileNot(compile(node.args, scope));
    case '-_':
      return compileMinus(compile(node.args, scope));
    case '&&':
    case '||':
      return compileLogic(node.op === '||', node.args, scope);
    case '?:':
      return compileChoice(node.args, scope);
    case 'map':
    case '.?':
    case '[?]':
      throw new ConditionError('maps and optional fields have no place in a condition', node.pos);
    default:
      return compileBinary(node, scope);
  }
}

function compileLiteral({ args: value, pos }: Extract<Node, { readonly op: 'value' }>): Ask {
  if (typeof value === 'bigint') return compileWhole(value, pos);
  if (typeof value === 'string' || typeof value === 'number' || typeof value === 'boolean') return () => value;
  throw new ConditionError('null, bytes and unsigned numbers have no place in a condition', pos);
}

function compileWhole(written: bigint, pos: number): Ask {
  const value = Number(written);
  if (!Number.isSafeInteger(value)) throw new ConditionError(`a whole number is at most ${Number.MAX_SAFE_INTEGER}`, pos);
  return () => value;
}

function compileList(nodes: readonly Node[], scope: Scope): Ask {
  const asks = nodes.map((node) => compile(node, scope));
  return (run) => {
    const elements = asks.map((ask) => ask(run));
    return elements.every(isValue) ? elements : lackOf(elements);
  };
}

function compileLogic(decisive: boolean, [left, right]: readonly [Node, Node], scope: Scope): Ask {
  const [first, second] = [compile(left, scope), compile(right, scope)];
  return (run) => {
    const result = first(run);
    return result === decisive ? result : decide(decisive, result, second(run));
  };
}

function compileChoice([condition, consequent, alternate]: readonly [Node, Node, Node], scope: Scope): Ask {
  const [choose, yes, no] = [compile(condition, scope), compile(consequent, scope), compile(alternate, scope)];
  return (run) => {
    const chosen = choose(run);
    if (chosen === true) return yes(run);
    return chosen === false ? no(run) : chosen;
  };
}
