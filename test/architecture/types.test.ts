import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { it } from 'node:test';
import { generatedPath, printTypes } from '../../schemas/print-types.ts';

it('the record types in the code are those of the schemas', () => {
  assert.equal(readFileSync(generatedPath, 'utf8'), printTypes(), 'print them again: npm run schemas:types');
});
