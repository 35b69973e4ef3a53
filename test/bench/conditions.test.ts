import assert from 'node:assert/strict';
import { it } from 'node:test';
import { measureConditions } from './conditions.ts';

it('conditions are measured that answer as they are called', () => {
  const rows = measureConditions(1);
  const answers = Object.fromEntries(rows.map(([name = '', answer = '']) => [name, answer]));
  assert.equal(answers['a fact that is awaited'], 'unknown');
  assert.equal(answers['a label that is missing'], 'error');
  assert.deepEqual(new Set(Object.values(answers)), new Set(['yes', 'no', 'unknown', 'error', '']));
  for (const [name = '', , us = ''] of rows) assert.match(us, /^\d+\.\d\d$/, name);
});
