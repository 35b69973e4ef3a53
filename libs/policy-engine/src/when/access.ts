import { ConditionError } from './condition-error.ts';
import type { Fact } from './fact.ts';
import { facts, records } from './facts.ts';
import { typeOf, type Node } from './parse.ts';
import { sourceOf, type Ask, type Scope } from './scope.ts';
import { Failure, isValue, lackOf, Unknown, type Value } from './value.ts';

type Of<Op extends Node['op']> = Extract<Node, { readonly op: Op }>;

/** An element that `exists` and its like are at, or a fact. */
export function compileName({ args: name, pos }: Of<'id'>, { bound, asked }: Scope): Ask {
  const place = bound.findIndex((element) => element.name === name);
  if (place !== -1) return (run) => run.bound[place]!;
  const entry = Object.hasOwn(facts, name) ? facts[name] : undefined;
  if (entry === undefined) throw new ConditionError(`${name} has no place in a condition`, pos);
  if ('fields' in entry) throw new ConditionError(`name a field of ${name}: ${Object.keys(entry.fields).join(', ')}`, pos);
  asked.add(name);
  return ({ question }) => entry.read(question);
}

/** `image.tag`, `image.labels.team`, `s.issuer`. */
export function compileAccess(node: Of<'.'>, scope: Scope): Ask {
  const found = findFact(node, scope);
  if (found) return ({ question }) => found.read(question);
  const [left, key] = node.args;
  const ask = scope.compile(left, scope);
  const missing = new Failure(`${sourceOf(node)} is not there: ask has(${sourceOf(node)}) first`);
  return (run) => {
    const owner = ask(run);
    if (!isValue(owner)) return owner;
    return Object.hasOwn(owner as object, key) ? (owner as Readonly<Record<string, Value>>)[key]! : missing;
  };
}

/** `signatures[0]`, `image.labels['org.opencontainers.image.source']`. */
export function compileIndex(node: Of<'[]'>, scope: Scope): Ask {
  const [left, right] = node.args;
  if (left.op === 'id' && isFactOwner(left.args, scope)) throw new ConditionError(`write its fields as ${left.args}.field`, node.pos);
  const isList = typeOf(left).startsWith('list<');
  if (!isList && !typeOf(left).startsWith('map<'))
    throw new ConditionError('only lists and maps have elements: write a field as .field', node.pos);
  const [askOwner, askKey] = [scope.compile(left, scope), scope.compile(right, scope)];
  const source = sourceOf(node);
  return (run) => {
    const [owner, key] = [askOwner(run), askKey(run)];
    if (!isValue(owner) || !isValue(key)) return lackOf([owner, key]);
    // An index of a list is one of its own properties, and nothing else that is a number is.
    if (Object.hasOwn(owner as object, key as string)) return (owner as Readonly<Record<string, Value>>)[key as string]!;
    return new Failure(`${source} is not there: ${isList ? 'ask its size()' : 'ask for its key with in'} first`);
  };
}

/** Whether something is there to be asked for. The library's parser does not check what stands in `has`. */
export function compileHas(arg: Node, scope: Scope): Ask {
  if (arg.op !== '.') throw new ConditionError('has asks for a field: has(image.labels.team)', arg.pos);
  const found = findFact(arg, scope);
  if (found)
    return ({ question }) => {
      const result = found.read(question);
      return result instanceof Unknown ? result : isValue(result);
    };
  const [left, key] = arg.args;
  const type = typeWithin(left, scope);
  const fields = records[type];
  if (fields && !Object.hasOwn(fields, key))
    throw new ConditionError(`there is no ${key}: ${type} has ${Object.keys(fields).join(', ')}`, arg.pos);
  const ask = scope.compile(left, scope);
  return (run) => {
    const owner = ask(run);
    return isValue(owner) ? Object.hasOwn(owner as object, key) : owner;
  };
}

function typeWithin(left: Node, scope: Scope): string {
  const element = left.op === 'id' ? scope.bound.find(({ name }) => name === left.args) : undefined;
  const type = element?.type ?? (left.op === '.' ? findFact(left, scope)?.type : undefined);
  if (type !== undefined && (type.startsWith('map<') || Object.hasOwn(records, type))) return type;
  throw new ConditionError('has asks for a fact, a key of one or a field of an element', left.pos);
}

const isFactOwner = (name: string, { bound }: Scope): boolean => {
  const entry = Object.hasOwn(facts, name) ? facts[name] : undefined;
  return entry !== undefined && 'fields' in entry && !bound.some((element) => element.name === name);
};

/**
 * The fact of `image.tag`; undefined where what is left of the dot is no name of facts.
 * @throws ConditionError where it has no such field
 */
function findFact({ args: [left, field], pos }: Of<'.'>, scope: Scope): Fact | undefined {
  if (left.op !== 'id' || !isFactOwner(left.args, scope)) return undefined;
  const { fields } = facts[left.args] as Extract<(typeof facts)[string], { readonly fields: unknown }>;
  const found = Object.hasOwn(fields, field) ? fields[field] : undefined;
  if (found === undefined) throw new ConditionError(`there is no ${field}: ${left.args} has ${Object.keys(fields).join(', ')}`, pos);
  scope.asked.add(`${left.args}.${field}`);
  return found;
}
