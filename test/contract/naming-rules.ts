import { isUnion } from '../../schemas/schema-files.ts';
import type { AvroSchema } from '../../schemas/schema-files.ts';

export type Field = { readonly path: string; readonly name: string; readonly type: AvroSchema; readonly hasNullDefault: boolean };

/** Facts are told in the past tense. `AuditEntry` is not among them: it is a link of a chain. */
export const isPastTense = (record: string): boolean => /([a-z]ed|Withdrawn)$/.test(record);

/** All fields of a record and of the records in it. */
export function fieldsOf(node: AvroSchema, path = ''): readonly Field[] {
  if (typeof node === 'string') return [];
  if (isUnion(node)) return node.flatMap((branch) => fieldsOf(branch, path));
  if (node.type === 'array') return fieldsOf(node.items!, path);
  if (node.type === 'map') return fieldsOf(node.values!, path);
  const { name: record = '', fields = [] } = node;
  return fields.flatMap((field) => {
    const own = { path: `${path}${record}.${field.name}`, name: field.name, type: field.type, hasNullDefault: field.default === null };
    return [own, ...fieldsOf(field.type, `${path}${record}.`)];
  });
}

/** What is wrong with a field's name or type; each would be there for ever once released. */
export function fieldFaults({ path, name, type, hasNullDefault }: Field): readonly string[] {
  const faults: string[] = [];
  const isNullable = isUnion(type) && type[0] === 'null';
  const inner = isNullable ? type[1] : type;
  if (!/^[a-z][a-zA-Z0-9]*$/.test(name)) faults.push(`${path} is not in camelCase`);
  if (isUnion(type) && !(isNullable && type.length === 2))
    faults.push(`${path} is a union of more than null and one type: not every language can decode it`);
  if (isNullable && !hasNullDefault) faults.push(`${path} may be null and has no default: no later version could leave it out`);
  if (inner === 'long' && /(At|Time|Since|Until|Before|After)$/.test(name))
    faults.push(`${path} is a time without its unit: call it ${name}Ms`);
  if (inner === 'long' && /(Size|Length|Delay|Duration|Timeout)$/.test(name)) faults.push(`${path} is a quantity without its unit`);
  if (typeof inner === 'object' && !isUnion(inner) && inner.type === 'enum')
    faults.push(`${path} is an enum: a new symbol would break its readers; use a string`);
  if (inner === 'double' || inner === 'float')
    faults.push(`${path} is a floating point number: replays would not be equal byte for byte everywhere`);
  return faults;
}
