// Prints config/policy.schema.json, by which editors complete policies: `npm run docs:policy-schema`. A test compares the two.
import { writeFileSync } from 'node:fs';
import { documentSchemas } from '@waybill/policy-engine';

/** The text of the printed file. */
export function printPolicySchema(): string {
  const head = { $schema: 'http://json-schema.org/draft-07/schema#', title: 'A policy of Waybill, or what policies look up' };
  const kinds = Object.keys(documentSchemas);
  // By kind, so that an editor tells the faults of the kind that is written, not those of all.
  const allOf = Object.entries(documentSchemas).map(([kind, then]) => ({ if: { properties: { kind: { const: kind } } }, then }));
  const schema = { type: 'object', required: ['kind'], properties: { kind: { enum: kinds } }, allOf };
  return `${JSON.stringify({ ...head, ...schema }, null, 2)}\n`;
}

export const policySchemaPath = `${import.meta.dirname}/../config/policy.schema.json`;
if (import.meta.main) writeFileSync(policySchemaPath, printPolicySchema());
