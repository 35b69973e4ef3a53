import fc from 'fast-check';
import { isUnion } from '../../schemas/schema-files.ts';
import type { AvroSchema } from '../../schemas/schema-files.ts';

/**
 * What avsc 5.7.9 carries exactly. It refuses a number from 2^53 - 1 on; below -2^52 it loses the sign in silence, which
 * none of our numbers comes near: the smallest is -1.
 */
const [longMin, longMax] = [-(2 ** 52), Number.MAX_SAFE_INTEGER - 1];
const text = fc.string({ unit: 'binary', maxLength: 40 });
/** avsc reads a map into a plain object, where this one name cannot be set; `schemas.test.ts` says what becomes of it. */
const mapKey = text.filter((key) => key !== '__proto__');

/** Any value that a schema allows. @throws Error for kinds that our schemas do not use yet, so that none is left out in silence */
export function valuesOfSchema(node: AvroSchema): fc.Arbitrary<unknown> {
  return valuesIn(node, new Map());
}

/** @param known By the names of the records that come before it: it may refer to them. */
function valuesIn(node: AvroSchema, known: Map<string, fc.Arbitrary<unknown>>): fc.Arbitrary<unknown> {
  const valuesOf = (inner: AvroSchema): fc.Arbitrary<unknown> => valuesIn(inner, known);
  if (typeof node === 'string') return known.get(node) ?? valuesOfPrimitive(node);
  if (isUnion(node)) return fc.oneof(...node.map(valuesOf));
  switch (node.type) {
    case 'record': {
      const values = fc.record(Object.fromEntries(node.fields!.map((field) => [field.name, valuesOf(field.type)])));
      known.set(node.name!, values);
      return values;
    }
    case 'array':
      return fc.array(valuesOf(node.items!), { maxLength: 4 });
    case 'map':
      return fc.dictionary(mapKey, valuesOf(node.values!), { maxKeys: 4 });
    default:
      return valuesOfPrimitive(node.type);
  }
}

function valuesOfPrimitive(name: string): fc.Arbitrary<unknown> {
  switch (name) {
    case 'null':
      return fc.constant(null);
    case 'string':
      return text;
    case 'boolean':
      return fc.boolean();
    case 'int':
      return fc.integer();
    case 'long':
      return fc.oneof(fc.integer({ min: longMin, max: longMax }), fc.constantFrom(0, 1, -1, longMax, longMin));
    case 'bytes':
      return fc.uint8Array({ maxLength: 40 }).map((bytes) => Buffer.from(bytes));
    default:
      throw new Error(`no values known for the Avro type ${name}`);
  }
}
