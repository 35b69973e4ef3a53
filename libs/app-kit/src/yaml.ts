import { readFileSync } from 'node:fs';
import type { Static, TSchema } from 'typebox';
import { Value } from 'typebox/value';
import { LineCounter, parseDocument, visit, type Document } from 'yaml';
import { ConfigError, type Environment } from './config.ts';
import { checkAll, type Checked, type Fault } from './faults.ts';

/** Larger files are refused: nobody wrote them by hand. */
const fileBytesMax = 1_048_576;

/** `${NAME}` or `${NAME:-default}`; `$${` stands for a literal `${`. */
const variablePattern = /\$\$\{|\$\{([A-Za-z_][A-Za-z0-9_]*)(?::-([^}]*))?\}/g;

/**
 * Reads a YAML 1.2 file, fills `${NAME}` and `${NAME:-default}` in its values from `env`, adds the schema's defaults and checks it.
 *
 * Values are filled after parsing and once only, so that a variable can add no keys and is not itself filled. Where a value came
 * from a variable and the schema wants a number or a boolean, its text is read as one. Keys that the schema does not name are refused.
 *
 * @throws ConfigError with all faults at once, each as `<file>:<line> <path> <what>`, without values
 */
export function loadYaml<S extends TSchema>(path: string, schema: S, env: Environment): Static<S> {
  return parseYaml(readBounded(path), path, schema, env);
}

/** As {@link loadYaml}, for text that is already there; `name` stands for the file in messages. */
export function parseYaml<S extends TSchema>(text: string, name: string, schema: S, env: Environment): Static<S> {
  const lines = new LineCounter();
  const document = parseDocument(text, { lineCounter: lines, prettyErrors: false, uniqueKeys: true });
  const fail = (faults: readonly string[]): never => {
    throw new ConfigError(`${name} is not as it must be:\n${faults.map((fault) => `  ${fault}`).join('\n')}`);
  };
  // The parser's own messages may quote the text; its codes do not.
  const broken = document.errors.map((error) => `${name}:${lines.linePos(error.pos[0]).line} is no valid YAML (${error.code})`);
  if (broken.length > 0) fail(broken);

  const { missing, filled } = fill(document, env);
  const unset = missing.map(({ offset, variable }) => `${name}:${lines.linePos(offset).line} environment variable ${variable} is not set`);
  const checked = checkFilled(schema, Value.Default(schema, toValue(document, name)), filled);
  if (checked.ok && unset.length === 0) return checked.value;
  const wrong = checked.ok ? [] : checked.faults.map((fault) => `${name}:${lineOf(document, fault.path, lines)} ${describe(fault)}`);
  return fail([...unset, ...wrong]);
}

const describe = (fault: Fault): string => `${fault.path.join('.') || '(the whole file)'} ${fault.message}`;

function readBounded(path: string): string {
  let bytes: Buffer;
  try {
    bytes = readFileSync(path);
  } catch (cause) {
    throw new ConfigError(`${path} cannot be read; see that it exists and may be read`, { cause });
  }
  if (bytes.length > fileBytesMax) throw new ConfigError(`${path} has more than ${fileBytesMax} bytes; split it`);
  return bytes.toString('utf8');
}

function toValue(document: Document.Parsed, name: string): unknown {
  try {
    return document.toJS({ maxAliasCount: 100 });
  } catch (cause) {
    throw new ConfigError(`${name} uses aliases that are unknown or too many; write the values out`, { cause });
  }
}

type Filled = {
  readonly missing: readonly { readonly offset: number; readonly variable: string }[];
  /** Texts that came from variables: only these may turn into numbers. */
  readonly filled: ReadonlySet<string>;
};

function fill(document: Document.Parsed, env: Environment): Filled {
  const missing: { offset: number; variable: string }[] = [];
  const filled = new Set<string>();
  visit(document, {
    Scalar(role, node) {
      if (role === 'key' || typeof node.value !== 'string' || !node.value.includes('${')) return;
      const text = node.value.replace(variablePattern, (_whole: string, variable?: string, fallback?: string) => {
        if (variable === undefined) return '${';
        const value = env[variable] || fallback;
        if (value === undefined) missing.push({ offset: node.range?.[0] ?? 0, variable });
        return value ?? '';
      });
      node.value = text;
      filled.add(text);
    },
  });
  return { missing, filled };
}

/** A text filled from the environment is first taken as text; where the schema refuses that, as the number or boolean that it spells. */
function checkFilled<S extends TSchema>(schema: S, value: unknown, filled: ReadonlySet<string>): Checked<S> {
  const first = checkAll(schema, value);
  if (first.ok || filled.size === 0) return first;
  const refused = new Set(first.faults.map((fault) => fault.path.join('/')));
  return checkAll(schema, respell(value, '', refused, filled));
}

function respell(value: unknown, path: string, refused: ReadonlySet<string>, filled: ReadonlySet<string>): unknown {
  const below = (key: string | number, item: unknown): unknown => respell(item, path === '' ? `${key}` : `${path}/${key}`, refused, filled);
  if (Array.isArray(value)) return value.map((item, index) => below(index, item));
  if (typeof value === 'object' && value !== null)
    return Object.fromEntries(Object.entries(value).map(([key, item]) => [key, below(key, item)]));
  if (typeof value !== 'string' || !filled.has(value) || !refused.has(path)) return value;
  return /^(?:true|false|-?\d+(?:\.\d+)?)$/.test(value) ? (JSON.parse(value) as unknown) : value;
}

/** Line of the node, or of the nearest one above it where the node is what is missing. */
function lineOf(document: Document.Parsed, path: readonly string[], lines: LineCounter): number {
  for (let depth = path.length; depth > 0; depth--) {
    const node = document.getIn(path.slice(0, depth), true) as { readonly range?: readonly number[] } | undefined;
    if (node?.range !== undefined) return lines.linePos(node.range[0]!).line;
  }
  return 1;
}
