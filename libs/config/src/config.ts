import type { Static, TObject, TSchema } from 'typebox';
import { Value } from 'typebox/value';
import { checkAll } from './faults.ts';

/** Configuration that an operator must mend. Its message lists every fault and never a value. */
export class ConfigError extends Error {
  override readonly name = 'ConfigError';
  readonly code = 'CONFIG_INVALID';
}

export type Environment = Readonly<Record<string, string | undefined>>;

/**
 * Reads the variables that a flat schema names; a field's name is its environment variable.
 *
 * A variable that is unset or empty takes the field's default. Numbers and booleans are read strictly: `1.5` is no integer,
 * `yes` no boolean. Variables that the schema does not name are left alone.
 *
 * @throws ConfigError naming every wrong variable at once, without its value
 */
export function loadConfig<S extends TObject>(schema: S, env: Environment): Static<S> {
  const given = Object.entries(schema.properties).flatMap(([name, field]) => {
    const text = env[name];
    return text === undefined || text === '' ? [] : [[name, fromText(field, text)] as const];
  });
  const checked = checkAll(schema, Value.Default(schema, Object.fromEntries(given)));
  if (checked.ok) return checked.value;
  const faults = checked.faults.map((fault) => `  ${fault.path.join('.')} ${fault.message}${hint(schema, fault.path[0])}`);
  throw new ConfigError(`the environment is not as it must be; set or correct:\n${faults.join('\n')}`);
}

/** The same schema as a Markdown table for the documentation. */
export function configTable(schema: TObject): string {
  const rows = Object.entries(schema.properties).map(([name, field]) => {
    const { type, enum: choices, default: fallback, description, minimum, maximum } = field as FieldFacts;
    const range = minimum === undefined && maximum === undefined ? '' : ` ${minimum ?? ''}..${maximum ?? ''}`;
    const unset = isRequired(schema, name) ? '*required*' : '';
    const start = fallback === undefined ? unset : `\`${JSON.stringify(fallback)}\``;
    const kind = `${choices?.join(', ') ?? type ?? 'choice'}${range}`;
    return `| \`${name}\` | ${kind} | ${start} | ${(description ?? '').replaceAll('|', '\\|')} |`;
  });
  return ['| Variable | Type | Default | Meaning |', '|---|---|---|---|', ...rows].join('\n');
}

type FieldFacts = {
  readonly type?: string;
  readonly enum?: readonly string[];
  readonly default?: unknown;
  readonly description?: string;
  readonly minimum?: number;
  readonly maximum?: number;
};

const isRequired = ({ required }: TObject, name: string): boolean => (required as readonly string[] | undefined)?.includes(name) ?? false;

function hint(schema: TObject, name: string | undefined): string {
  const description = name === undefined ? undefined : (schema.properties[name] as FieldFacts | undefined)?.description;
  return description === undefined ? '' : ` (${description})`;
}

/** The text as the field's type wants it; left as it is where it does not fit, so that the check tells. */
function fromText(field: TSchema, text: string): unknown {
  const { type } = field as FieldFacts;
  if ((type === 'integer' || type === 'number') && /^-?\d+(\.\d+)?$/.test(text)) return Number(text);
  if (type === 'boolean' && (text === 'true' || text === 'false')) return text === 'true';
  return text;
}
