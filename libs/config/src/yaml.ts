import { readFileSync } from 'node:fs';
import type { Static, TSchema, TUnknown } from 'typebox';
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
 * @throws ConfigError with all faults at once, each as `<file>:<line>:<column> <path> <what>`, without values
 */
export function loadYaml<S extends TSchema>(path: string, schema: S, env: Environment): Static<S> {
  return parseYaml(readBounded(path), path, schema, env);
}

/** As {@link loadYaml}, for text that is already there; `name` stands for the file in messages. */
export function parseYaml<S extends TSchema>(text: string, name: string, schema: S, env: Environment): Static<S> {
  const checked = checkYaml(text, schema, env);
  if (checked.ok) return checked.value;
  throw new ConfigError(`${name} is not as it must be:\n${checked.faults.map((fault) => `  ${placed(name, fault)}`).join('\n')}`);
}

/** Both from 1. */
export type Place = { readonly line: number; readonly column: number };
/** What is wrong, and where. Never holds a value. */
export type PlacedFault = Place & { readonly message: string };

export type CheckedYaml<S extends TSchema> =
  | {
      readonly ok: true;
      readonly value: Static<S>;
      /** Where the node at a path stands, or the nearest one above it. */
      readonly placeOf: (path: readonly (string | number)[]) => Place;
    }
  | { readonly ok: false; readonly faults: readonly PlacedFault[] };

/** `<file>:<line>:<column> <what>`: terminals and editors make a link of it. */
export const placed = (name: string, { line, column, message }: PlacedFault): string => `${name}:${line}:${column} ${message}`;

/** As {@link parseYaml}; wrong text is an answer. */
export function checkYaml<S extends TSchema>(text: string, schema: S, env: Environment): CheckedYaml<S> {
  const parsed = parseText(text);
  if (!parsed.ok) return parsed;
  const { document, placeAt, placeOf } = parsed;
  const { missing, filled } = fill(document, env);
  const unset = missing.map(({ offset, variable }) => ({ ...placeAt(offset), message: `environment variable ${variable} is not set` }));
  const value = findValue(document);
  if (value === undefined) return { ok: false, faults: [{ ...placeAt(0), message: aliasesMessage }] };
  const checked = checkFilled(schema, Value.Default(schema, value.of), filled);
  if (checked.ok && unset.length === 0) return { ok: true, value: checked.value, placeOf };
  const wrong = checked.ok ? [] : checked.faults.map((fault) => ({ ...placeOf(fault.path), message: describe(fault) }));
  return { ok: false, faults: [...unset, ...wrong] };
}

/** What a text holds, as it is written: for documents that others check, and that keep their `${…}`. */
export function readYaml(text: string): CheckedYaml<TUnknown> {
  const parsed = parseText(text);
  if (!parsed.ok) return parsed;
  const value = findValue(parsed.document);
  if (value === undefined) return { ok: false, faults: [{ ...parsed.placeAt(0), message: aliasesMessage }] };
  return { ok: true, value: value.of, placeOf: parsed.placeOf };
}

const aliasesMessage = 'uses aliases that are unknown or too many; write them out';

function parseText(text: string) {
  const lines = new LineCounter();
  const document = parseDocument(text, { lineCounter: lines, prettyErrors: false, uniqueKeys: true });
  const placeAt = (offset: number): Place => {
    const { line, col } = lines.linePos(offset);
    return { line: Math.max(1, line), column: Math.max(1, col) };
  };
  // The parser's own messages may quote the text; its codes do not.
  const faults = document.errors.map(({ pos, code }) => ({ ...placeAt(pos[0]), message: `is no valid YAML (${code})` }));
  if (faults.length > 0) return { ok: false, faults } as const;
  return {
    ok: true,
    document,
    placeAt,
    placeOf: (path: readonly (string | number)[]): Place => placeAt(offsetOf(document, path)),
  } as const;
}

const describe = (fault: Fault): string => `${fault.path.join('.') || '(the whole file)'} ${fault.message}`;

/** A text file of at most 1 MiB. @throws ConfigError */
export function readBounded(path: string): string {
  let bytes: Buffer;
  try {
    bytes = readFileSync(path);
  } catch (cause) {
    throw new ConfigError(`${path} cannot be read; see that it exists and may be read`, { cause });
  }
  if (bytes.length > fileBytesMax) throw new ConfigError(`${path} has more than ${fileBytesMax} bytes; split it`);
  return bytes.toString('utf8');
}

function findValue(document: Document.Parsed): { readonly of: unknown } | undefined {
  try {
    return { of: document.toJS({ maxAliasCount: 100 }) };
  } catch {
    return undefined;
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

/** Of the node, or of the nearest one above it where the node is what is missing. */
function offsetOf(document: Document.Parsed, path: readonly (string | number)[]): number {
  for (let depth = path.length; depth > 0; depth--) {
    const node = document.getIn(path.slice(0, depth), true) as { readonly range?: readonly number[] } | undefined;
    if (node?.range !== undefined) return node.range[0]!;
  }
  return 0;
}
