import assert from 'node:assert/strict';
import { existsSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join, relative } from 'node:path';
import { describe, it } from 'node:test';
import { allTopics } from '@waybill/domain';
import { parse } from 'yaml';
import { flows } from '../../schemas/flows.ts';
import { asyncApiPath, printAsyncApi } from '../../schemas/print-asyncapi.ts';
import { configurationPath, printConfiguration } from '../../schemas/print-configuration.ts';
import { policyCasesSchemaPath, printPolicyCasesSchema } from '../../schemas/print-policy-cases-schema.ts';
import { policySchemaPath, printPolicySchema } from '../../schemas/print-policy-schema.ts';
import { printSourcesSchema, sourcesSchemaPath } from '../../schemas/print-sources-schema.ts';
import { printTopology, topologyPath } from '../../schemas/print-topology.ts';
import { root } from './cruise.ts';

// A deliberate change: `UPDATE=1 npm run check`; what is reviewed is then the difference of the printed files.
for (const [path, print] of [
  [topologyPath, printTopology],
  [asyncApiPath, printAsyncApi],
  [configurationPath, printConfiguration],
  [sourcesSchemaPath, printSourcesSchema],
  [policySchemaPath, printPolicySchema],
  [policyCasesSchemaPath, printPolicyCasesSchema],
] as const) {
  it(`${relative(root, path)} is what the code says`, () => {
    if (process.env['UPDATE'] === '1') writeFileSync(path, print());
    assert.equal(readFileSync(path, 'utf8'), print(), 'print it again: UPDATE=1 npm run check');
  });
}

/** Values of all `$ref` in a document. */
function refsOf(node: unknown): readonly string[] {
  if (typeof node !== 'object' || node === null) return [];
  return Object.entries(node).flatMap(([name, value]) => (name === '$ref' ? [String(value)] : refsOf(value)));
}

describe('the AsyncAPI document', () => {
  const document: unknown = parse(printAsyncApi());
  const find = (ref: string): unknown =>
    ref
      .slice(2)
      .split('/')
      .reduce((node: unknown, name) => (node as Readonly<Record<string, unknown>> | undefined)?.[name], document);

  it('refers only to what is there', () => {
    const refs = refsOf(document);
    assert.ok(refs.length > allTopics.length);
    assert.deepEqual(
      refs.filter((ref) => (ref.startsWith('#') ? find(ref) === undefined : !existsSync(join(root, 'schemas', ref)))),
      [],
    );
  });
});

describe('the flows', () => {
  const written = new Set(flows.flatMap((flow) => [...flow.outputs, ...flow.stores]));
  const read = new Set(flows.flatMap((flow) => [...flow.inputs, ...flow.tables, ...flow.stores]));

  it('have every app that has a topology', () => {
    const apps = readdirSync(join(root, 'apps')).filter((app) => existsSync(join(root, 'apps', app, 'src/topology.ts')));
    assert.deepEqual(
      apps.filter((app) => !flows.some(({ group }) => group === app)),
      [],
    );
  });

  it('write and read every topic: none is declared for nobody', () => {
    assert.deepEqual(
      allTopics.filter((topic) => !written.has(topic)).map(({ name }) => name),
      [],
    );
    assert.deepEqual(
      allTopics.filter((topic) => !read.has(topic)).map(({ name }) => name),
      [],
    );
  });

  it('keep a state topic in one hand', () => {
    const owners = (name: string) =>
      flows.filter((flow) => [...flow.stores, ...flow.outputs].some((topic) => topic.name === name)).map(({ group }) => group);
    const shared = allTopics.filter(({ kind, name }) => kind === 'state' && owners(name).length > 1);
    assert.deepEqual(
      shared.map(({ name }) => `${name}: ${owners(name).join(', ')}`),
      [],
    );
  });
});
