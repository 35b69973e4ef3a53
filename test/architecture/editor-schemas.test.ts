import assert from 'node:assert/strict';
import { globSync, readFileSync } from 'node:fs';
import { dirname, join, relative, resolve } from 'node:path';
import { describe, it } from 'node:test';
import { Ajv } from 'ajv';
import { parse } from 'yaml';
import { policyCasesSchemaPath } from '../../schemas/print-policy-cases-schema.ts';
import { policySchemaPath } from '../../schemas/print-policy-schema.ts';
import { root } from './cruise.ts';

// Goal: what is committed shows no fault in an editor, and what policies could never read does. Ajv stands for what editors check with.
const ajv = new Ajv({ strict: true, strictTypes: false, allErrors: true });
const checkWith = (path: string) => ajv.compile(JSON.parse(readFileSync(path, 'utf8')) as object);
const schemas = { cases: resolve(policyCasesSchemaPath), policies: resolve(policySchemaPath) };
const checks = { cases: checkWith(schemas.cases), policies: checkWith(schemas.policies) };

const files = globSync(['config/policies/**/*.yaml', 'docs/policies/**/*.yaml'], { cwd: root }).toSorted();

describe('the schemas for editors', () => {
  it('have files of both kinds to be tried on', () => {
    assert.ok(files.filter((file) => file.endsWith('.test.yaml')).length >= 3);
    assert.ok(files.length >= 12);
  });

  for (const file of files) {
    const kind = file.endsWith('.test.yaml') ? 'cases' : 'policies';
    const text = readFileSync(join(root, file), 'utf8');
    it(`${file} names the schema of its kind, and fits`, () => {
      const named = /^# yaml-language-server: \$schema=(\S+)$/m.exec(text)?.[1] ?? assert.fail('it names no schema');
      assert.equal(relative(root, resolve(join(root, dirname(file)), named)), relative(root, schemas[kind]));
      const check = checks[kind];
      assert.ok(check(parse(text)), ajv.errorsText(check.errors));
    });
  }

  const good = { name: 'a', given: { image: 'x' }, expect: { outcome: 'allow' } };
  const broken: Readonly<Record<string, unknown>> = {
    'a case that expects nothing': { cases: [{ name: 'a', given: {} }] },
    'an outcome that there is not': { cases: [{ ...good, expect: { outcome: 'maybe' } }] },
    'a misspelt key of a case': { cases: [{ ...good, givn: {} }] },
    'a misspelt fact': { cases: [{ ...good, given: { scann: {} } }] },
    'a misspelt expectation': { cases: [{ ...good, expect: { outcome: 'allow', target: [] } }] },
    'no cases': { cases: [] },
    'something else at the top': { cases: [good], case: [] },
  };
  it('let a case pass', () => assert.ok(checks.cases({ cases: [good] })));
  for (const [what, value] of Object.entries(broken)) it(`refuse ${what}`, () => assert.equal(checks.cases(value), false));
});
