// Prints config/policy-cases.schema.json, by which editors complete cases of policies (*.test.yaml): `npm run docs:policy-cases-schema`.
// A test compares the two.
import { writeFileSync } from 'node:fs';
import { CaseFile } from '../apps/cli/src/policy/case-file.ts';
import { forEditors } from './for-editors.ts';

/** The text of the printed file. */
export function printPolicyCasesSchema(): string {
  const head = { $schema: 'http://json-schema.org/draft-07/schema#', title: 'What policies are to decide: *.test.yaml' };
  return `${JSON.stringify({ ...head, ...(forEditors(JSON.parse(JSON.stringify(CaseFile))) as object) }, null, 2)}\n`;
}

export const policyCasesSchemaPath = `${import.meta.dirname}/../config/policy-cases.schema.json`;
if (import.meta.main) writeFileSync(policyCasesSchemaPath, printPolicyCasesSchema());
