// Prints config/sources.schema.json, by which editors complete sources.yaml: `npm run docs:sources-schema`. A test compares the two.
import { writeFileSync } from 'node:fs';
import { SourcesFile } from '@waybill/webhook-sources';

type Schema = { readonly [key: string]: unknown };
const isSchema = (value: unknown): value is Schema => typeof value === 'object' && value !== null && !Array.isArray(value);

/** As an editor is to see it: unknown keys are faults, and what has a default may be left out. */
function forEditors(schema: unknown): unknown {
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

/** The text of the printed file. */
export function printSourcesSchema(): string {
  const head = { $schema: 'http://json-schema.org/draft-07/schema#', title: 'Who may send webhooks to Waybill: sources.yaml' };
  return `${JSON.stringify({ ...head, ...(forEditors(JSON.parse(JSON.stringify(SourcesFile))) as Schema) }, null, 2)}\n`;
}

export const sourcesSchemaPath = `${import.meta.dirname}/../config/sources.schema.json`;
if (import.meta.main) writeFileSync(sourcesSchemaPath, printSourcesSchema());
