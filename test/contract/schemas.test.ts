import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import avro from 'avsc';
import fc from 'fast-check';
import { readSchemaFiles } from '../../schemas/schema-files.ts';
import { valuesOfSchema } from './values-of-schema.ts';

for (const { path, context, record, schema } of readSchemaFiles()) {
  describe(`schema ${path}`, () => {
    const type = avro.Type.forSchema(schema as avro.Schema);

    it('holds the record that its path names, and says what it means', () => {
      const { name, namespace, doc } = schema;
      assert.deepEqual([name, namespace], [record, `waybill.${context}`]);
      assert.ok(doc !== undefined && doc.endsWith('.'), `${record} has no sentence as its doc`);
    });

    it('gives back every value as it was', () =>
      fc.assert(
        fc.property(valuesOfSchema(schema), (value) => assert.deepEqual(plain(type.fromBuffer(type.toBuffer(value))), plain(value))),
        { numRuns: 50 },
      ));

    it('refuses bytes that were cut or lengthened', () =>
      fc.assert(
        fc.property(valuesOfSchema(schema), fc.nat(), (value, at) => {
          const bytes = type.toBuffer(value);
          assert.throws(() => type.fromBuffer(bytes.subarray(0, at % Math.max(1, bytes.length))) as unknown);
          assert.throws(() => type.fromBuffer(Buffer.concat([bytes, Buffer.of(0)])) as unknown);
        }),
        { numRuns: 50 },
      ));
  });
}

it('leaves out a label with the name __proto__, which can do no harm', () => {
  const type = avro.Type.forSchema({ type: 'map', values: 'string' });
  const labels = JSON.parse('{"__proto__": "x", "maintainer": "y"}') as object;
  const read = type.fromBuffer(type.toBuffer(labels)) as object;
  assert.deepEqual([Object.keys(read), Object.getPrototypeOf(read)], [['maintainer'], Object.prototype]);
});

/** Without prototypes: avsc makes records by classes of its own. */
function plain(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(plain);
  if (typeof value !== 'object' || value === null || Buffer.isBuffer(value)) return value;
  return Object.fromEntries(Object.entries(value).map(([name, part]) => [name, plain(part)]));
}
