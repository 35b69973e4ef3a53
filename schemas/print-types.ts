// Prints libs/domain/src/records.generated.ts from the Avro schemas: `npm run schemas:types`. A test compares the two.
import { writeFileSync } from 'node:fs';
import { isUnion, readSchemaFiles } from './schema-files.ts';
import type { AvroNode, AvroSchema } from './schema-files.ts';

const primitives: Record<string, string> = {
  string: 'string',
  long: 'number',
  int: 'number',
  boolean: 'boolean',
  bytes: 'Buffer',
  null: 'null',
};
const declarations = new Map<string, string>();

function typeOf(schema: AvroSchema): string {
  if (typeof schema === 'string') return primitives[schema] ?? schema;
  if (isUnion(schema)) return schema.toReversed().map(typeOf).join(' | ');
  const node = schema;
  if (node.type === 'array') return `readonly ${wrap(typeOf(node.items!))}[]`;
  if (node.type === 'map') return `Readonly<Record<string, ${typeOf(node.values!)}>>`;
  if (node.type === 'record') return declare(node);
  return primitives[node.type] ?? node.type;
}

const wrap = (type: string): string => (type.includes('|') ? `(${type})` : type);

function declare(node: AvroNode): string {
  const name = node.name!;
  const fields = node.fields!.map(
    (field) => `${field.doc ? `  /** ${field.doc} */\n` : ''}  readonly ${field.name}: ${typeOf(field.type)};`,
  );
  const text = `${node.doc ? `/** ${node.doc} */\n` : ''}export type ${name} = {\n${fields.join('\n')}\n};\n`;
  const known = declarations.get(name);
  if (known !== undefined && known !== text) throw new Error(`two different records are called ${name}`);
  declarations.set(name, text);
  return name;
}

/** The text of the generated file, from the newest version of each schema, in path order. */
export function printTypes(): string {
  declarations.clear();
  const newest = new Map(readSchemaFiles().map(({ record, schema }) => [record, schema])); // A later version replaces an earlier one.
  const names = [...newest.values()].map(declare);
  const table = `/** Record type by name, as in the schemas' file names. */\nexport type RecordTypes = {\n${names
    .sort()
    .map((name) => `  readonly ${name}: ${name};`)
    .join('\n')}\n};\n`;
  return `// Printed from schemas/ by \`npm run schemas:types\`; do not edit.\n\n${[...declarations.values()].join('\n')}\n${table}`;
}

export const generatedPath = `${import.meta.dirname}/../libs/domain/src/records.generated.ts`;
if (import.meta.main) writeFileSync(generatedPath, printTypes());
