import type { Static, TSchema } from 'typebox';
import { Settings } from 'typebox/system';
import { Value } from 'typebox/value';

/** What is wrong with a value, and where. Never holds the value itself: it may be a secret. */
export type Fault = { readonly path: readonly string[]; readonly message: string };

export type Checked<S extends TSchema> =
  { readonly ok: true; readonly value: Static<S> } | { readonly ok: false; readonly faults: readonly Fault[] };

type RawError = ReturnType<typeof Value.Errors>[number];

/** TypeBox gathers 8 by default; an operator wants all of a file's faults in one go, within reason. */
const faultsMax = 200;

/** Checks without stopping at the first fault. Keys that the schema does not name are faults, also where it does not say so. */
export function checkAll<S extends TSchema>(schema: S, value: unknown): Checked<S> {
  const strict = closed(schema) as S;
  if (Value.Check(strict, value)) return { ok: true, value };
  const { maxErrors } = Settings.Get();
  Settings.Set({ maxErrors: faultsMax });
  try {
    return { ok: false, faults: readable(Value.Errors(strict, value)) };
  } finally {
    Settings.Set({ maxErrors });
  }
}

/** JSON pointer (RFC 6901) to its segments. */
export const segmentsOf = (pointer: string): readonly string[] =>
  pointer
    .split('/')
    .slice(1)
    .map((segment) => segment.replaceAll('~1', '/').replaceAll('~0', '~'));

/** The schema with every object closed that does not say otherwise. */
function closed(schema: unknown): unknown {
  if (Array.isArray(schema)) return schema.map(closed);
  if (typeof schema !== 'object' || schema === null) return schema;
  const copy: Record<string, unknown> = Object.fromEntries(
    Object.entries(schema).map(([key, value]) => [key, key === 'properties' ? closedEach(value as object) : closed(value)]),
  );
  // Parts of an intersection each see the whole value: closing them would refuse one another's keys.
  const { allOf } = schema as { readonly allOf?: unknown };
  if (allOf !== undefined) return { ...copy, allOf };
  return 'properties' in copy && !('additionalProperties' in copy) ? { ...copy, additionalProperties: false } : copy;
}

const closedEach = (properties: object): object =>
  Object.fromEntries(Object.entries(properties).map(([name, schema]) => [name, closed(schema)]));

function readable(errors: readonly RawError[]): readonly Fault[] {
  const unions = errors.filter((error) => error.keyword === 'anyOf');
  const inUnion = (error: RawError): boolean =>
    unions.some((union) => error !== union && error.schemaPath.startsWith(`${union.schemaPath}/anyOf/`));
  const faults = errors.filter((error) => !inUnion(error)).flatMap((error) => faultsOf(error, errors));
  return [...new Map(faults.map((fault) => [`${fault.path.join('/')} ${fault.message}`, fault])).values()];
}

function faultsOf(error: RawError, all: readonly RawError[]): readonly Fault[] {
  const path = segmentsOf(error.instancePath);
  switch (error.keyword) {
    case 'required':
      return error.params.requiredProperties.map((name) => ({ path: [...path, name], message: 'is required' }));
    case 'additionalProperties':
      return error.params.additionalProperties.map((name) => ({ path: [...path, name], message: 'is not a known key' }));
    case 'boolean':
      return []; // The same key again, as `additionalProperties` has already told it.
    case 'enum':
      return [{ path, message: `must be one of: ${error.params.allowedValues.join(', ')}` }];
    case 'anyOf':
      return unionFaults(error, all);
    default:
      return [{ path, message: error.message }];
  }
}

/**
 * A union of literals names them. Of another union the alternative with the fewest faults is the one that was meant, but none that
 * differs by a literal, such as its `scheme`, as long as there are others; where all do, their literals are what may stand there.
 */
function unionFaults(union: RawError, all: readonly RawError[]): readonly Fault[] {
  const prefix = `${union.schemaPath}/anyOf/`;
  const branches = new Map<string, RawError[]>();
  for (const error of all) {
    if (!error.schemaPath.startsWith(prefix) || !error.instancePath.startsWith(union.instancePath)) continue;
    const branch = error.schemaPath.slice(prefix.length).split('/')[0]!;
    branches.set(branch, [...(branches.get(branch) ?? []), error]);
  }
  const literals = [...branches.values()].flatMap((errors) =>
    errors.length === 1 && errors[0]!.keyword === 'const' ? [String(errors[0]!.params.allowedValue)] : [],
  );
  const path = segmentsOf(union.instancePath);
  if (literals.length > 0 && literals.length === branches.size) return [{ path, message: `must be one of: ${literals.join(', ')}` }];
  const tellsApart = (error: RawError): boolean => error.keyword === 'const';
  const meant = [...branches.values()].filter((errors) => !errors.some(tellsApart));
  if (meant.length === 0 && branches.size > 0) return literalFaults([...branches.values()].flat().filter(tellsApart));
  const nearest = meant.sort((a, b) => a.length - b.length)[0];
  return nearest === undefined ? [{ path, message: union.message }] : readable(nearest);
}

/** Faults at one place as one: all that may stand there. */
function literalFaults(errors: readonly RawError[]): readonly Fault[] {
  const byPlace = Map.groupBy(errors, ({ instancePath }) => instancePath);
  return [...byPlace].map(([place, same]) => {
    const values = same.flatMap((error) => (error.keyword === 'const' ? [String(error.params.allowedValue)] : []));
    return { path: segmentsOf(place), message: `must be one of: ${values.join(', ')}` };
  });
}
