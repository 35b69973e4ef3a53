// Prints config/sources.schema.json, by which editors complete sources.yaml: `npm run docs:sources-schema`. A test compares the two.
import { writeFileSync } from 'node:fs';
import { SourcesFile } from '@waybill/webhook-sources';
import { forEditors } from './for-editors.ts';

/** The text of the printed file. */
export function printSourcesSchema(): string {
  const head = { $schema: 'http://json-schema.org/draft-07/schema#', title: 'Who may send webhooks to Waybill: sources.yaml' };
  return `${JSON.stringify({ ...head, ...(forEditors(JSON.parse(JSON.stringify(SourcesFile))) as object) }, null, 2)}\n`;
}

export const sourcesSchemaPath = `${import.meta.dirname}/../config/sources.schema.json`;
if (import.meta.main) writeFileSync(sourcesSchemaPath, printSourcesSchema());
