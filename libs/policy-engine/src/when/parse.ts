import { Environment, type ASTNode } from '@marcbachmann/cel-js';
import { ConditionError } from './condition-error.ts';
import { facts, records } from './facts.ts';

/** A part of a condition with its types; nodes are the parser's own. */
export type Node = ASTNode;

export const textLengthMax = 2_000;
const limits = { maxAstNodes: 200, maxDepth: 24, maxListElements: 100, maxMapEntries: 0, maxCallArguments: 3 };

const environment = declare();

/** Everything is declared, so that what is misspelt is refused when a policy is published and not when it decides. */
function declare(): Environment {
  const declared = new Environment({ limits });
  for (const [name, fields] of Object.entries(records)) declared.registerType(name, { fields: { ...fields } });
  for (const [name, entry] of Object.entries(facts)) {
    if (!('fields' in entry)) declared.registerVariable(name, entry.type);
    else {
      const schema = Object.fromEntries(Object.entries(entry.fields).map(([field, { type }]) => [field, type]));
      declared.registerVariable({ name, schema });
    }
  }
  return declared.registerFunction('severity(string): int', (): never => {
    throw new Error('conditions are compiled, not run by their parser');
  });
}

/** @throws ConditionError for what is no CEL, is too large, has types that do not fit or is no condition */
export function parseCondition(text: string): Node {
  if (text.length > textLengthMax) throw new ConditionError(`it has ${text.length} characters: at most ${textLengthMax}`, textLengthMax);
  const parsed = attempt(() => environment.parse(text));
  const { valid, type, error } = parsed.check();
  if (!valid) throw explained(error);
  if (type !== 'bool') throw new ConditionError(`it comes to ${plain(String(type))}: a condition must come to true or false`, 0);
  return parsed.ast;
}

/** Whatever text brings the parser to throw is a fault of that text. */
function attempt<T>(parse: () => T): T {
  try {
    return parse();
  } catch (error) {
    throw explained(error);
  }
}

type CelError = Error &
  Partial<{ readonly code: string; readonly summary: string; readonly node: Node; readonly range: { start: number } }>;

function explained(error: unknown): ConditionError {
  const { code = '', summary, message, node, range } = error as CelError;
  const at = node?.pos ?? range?.start ?? 0;
  if (code === 'limit_exceeded') return new ConditionError(`it is too large or too deep: ${tooMuch}`, at);
  if (code === 'unknown_variable' && node?.op === 'id') return new ConditionError(`there is no ${node.args}: ${names}`, at);
  if (code === 'no_such_key' && node?.op === '.') {
    const owner = typeOf(node.args[0]);
    return new ConditionError(`there is no ${node.args[1]}: ${plain(owner)} has ${fieldsOf(owner).join(', ')}`, at);
  }
  return new ConditionError(plain(summary ?? message), at);
}

const tooMuch = `at most ${limits.maxAstNodes} parts, ${limits.maxDepth} deep, ${limits.maxListElements} elements in a list, and no maps`;
const names = `there are ${Object.keys(facts).join(', ')}`;

const fieldsOf = (type: string): readonly string[] => {
  const entry = facts[plain(type)];
  return Object.keys(entry !== undefined && 'fields' in entry ? entry.fields : (records[type] ?? {}));
};

/** The parser puts a `$` before the name of a type that has none of its own. */
const plain = (text: string): string => text.replaceAll('$', '');

/** What the type check has found, in CEL: `list<string>`. Not in the library's declarations. */
export const typeOf = (node: Node): string => (node as Node & { readonly checkedType?: { readonly name: string } }).checkedType?.name ?? '';
