import assert from 'node:assert/strict';
import { readdirSync } from 'node:fs';
import { join } from 'node:path';
import { describe, it } from 'node:test';
import { fakeConsole } from '../console.fixture.ts';
import { testPolicies } from './policy-test.ts';

// Goal: policies that are shown to be copied do what is said of them.
const examples = join(import.meta.dirname, '../../../../docs/policies');

describe('the examples of policies', () => {
  for (const name of readdirSync(examples))
    it(`${name} decides what its cases say, and each policy some`, async () => {
      const said = fakeConsole();
      assert.equal(await testPolicies({ output: 'table', folder: join(examples, name), strict: true }, said.console), 0, said.err());
    });
});
