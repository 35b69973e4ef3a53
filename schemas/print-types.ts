// Prints libs/domain/src/records.generated.ts from the Avro schemas: `npm run schemas:types`. A test compares the two.
import { globSync, readFileSync, writeFileSync } from 'node:fs';

type Schema =
  string | readonly Schema[] | { type: string; name?: string; doc?: string; items?: Schema; values?: Schema; fields?: readonly Field[] };
type Field = { name: string; type: Schema; doc?: string };

const primitives: Record<string, string> = {
  string: 'string',
  long: 'number',
  int: 'number',
  boolean: 'boolean',
  bytes: 'Buffer',
  null: 'null',
};
const declarations = new Map<string, string>();

function typeOf(schema: Schema): string {
  if (typeof schema === 'string') return primitives[schema] ?? schema;
  if (isUnion(schema)) return schema.toReversed().map(typeOf).join(' | ');
  const node = schema;
  if (node.type === 'array') return `readonly ${wrap(typeOf(node.items!))}[]`;
  if (node.type === 'map') return `Readonly<Record<string, ${typeOf(node.values!)}>>`;
  if (node.type === 'record') return declare(node);
  return primitives[node.type] ?? node.type;
}

const isUnion = (schema: Schema): schema is readonly Schema[] => Array.isArray(schema);
const wrap = (type: string): string => (type.includes('|') ? `(${type})` : type);

function declare(node: { name?: string; doc?: string; fields?: readonly Field[] }): string {
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

/** The text of the generated file, from all schemas in path order. */
export function printTypes(): string {
  declarations.clear();
  const names: string[] = [];
  for (const path of globSync(`${import.meta.dirname}/*/*.v1.avsc`).sort()) {
    names.push(declare(JSON.parse(readFileSync(path, 'utf8')) as { name: string }));
  }
  const table = `/** Record type by name, as in the schemas' file names. */\nexport type RecordTypes = {\n${names
    .sort()
    .map((name) => `  readonly ${name}: ${name};`)
    .join('\n')}\n};\n`;
  return `// Printed from schemas/ by \`npm run schemas:types\`; do not edit.\n\n${[...declarations.values()].join('\n')}\n${table}`;
}

export const generatedPath = `${import.meta.dirname}/../libs/domain/src/records.generated.ts`;
if (import.meta.main) writeFileSync(generatedPath, printTypes());
