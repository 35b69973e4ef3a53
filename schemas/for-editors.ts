type Schema = { readonly [key: string]: unknown };
const isSchema = (value: unknown): value is Schema => typeof value === 'object' && value !== null && !Array.isArray(value);

/** A JSON Schema as an editor is to see it: unknown keys are faults, and what has a default may be left out. */
export function forEditors(schema: unknown): unknown {
  if (Array.isArray(schema)) return schema.map(forEditors);
  if (!isSchema(schema)) return schema;
  const { properties, required, ...rest } = schema;
  const others = Object.fromEntries(Object.entries(rest).map(([key, value]) => [key, key === 'default' ? value : forEditors(value)]));
  if (!isSchema(properties)) return required === undefined ? others : { ...others, required };
  const wanted = (required as readonly string[] | undefined)?.filter((name) => !('default' in (properties[name] as Schema))) ?? [];
  return {
    ...others,
    properties: Object.fromEntries(Object.entries(properties).map(([name, each]) => [name, forEditors(each)])),
    ...(wanted.length > 0 ? { required: wanted } : {}),
    additionalProperties: false,
  };
}
