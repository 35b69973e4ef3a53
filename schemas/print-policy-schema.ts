// Prints config/policy.schema.json, by which editors complete policies: `npm run docs:policy-schema`. A test compares the two.
import { writeFileSync } from 'node:fs';
import { PolicyDocument } from '@waybill/policy-engine';

/** The text of the printed file. */
export function printPolicySchema(): string {
  const head = { $schema: 'http://json-schema.org/draft-07/schema#', title: 'A policy of Waybill' };
  return `${JSON.stringify({ ...head, ...PolicyDocument }, null, 2)}\n`;
}

export const policySchemaPath = `${import.meta.dirname}/../config/policy.schema.json`;
if (import.meta.main) writeFileSync(policySchemaPath, printPolicySchema());
