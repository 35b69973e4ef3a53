import assert from 'node:assert/strict';
import { after, before, describe, it } from 'node:test';
import type { TypedRecord } from '@waybill/domain';
import type { Codec } from '@waybill/stream';
import avro from 'avsc';
import { createCodec, readSchemas } from './codec.ts';
import { startRegistryFixture, type RegistryFixture } from './schema-registry.fixture.ts';

let registry: RegistryFixture;
let codec: Codec;
before(async () => {
  registry = await startRegistryFixture();
  codec = await createCodec({ registryUrl: registry.url });
});
after(() => registry.close());

const marks = (...ids: readonly string[]): TypedRecord => ({ type: 'MarkBatch', data: { ids, atMs: ids.map((_, index) => index) } });
const undecodable = { code: 'RECORD_UNDECODABLE' };

type Schema = { fields: { name: string; type: unknown; default?: unknown }[] };
/** The bytes of a mark batch as a version with other fields would have written it. */
function writtenByAnother(change: (schema: Schema) => void, data: object): Buffer {
  const schema = JSON.parse(readSchemas().find(({ type }) => type === 'MarkBatch')!.text) as Schema;
  change(schema);
  const header = Buffer.alloc(5);
  header.writeInt32BE(registry.add(JSON.stringify(schema)), 1);
  return Buffer.concat([header, avro.Type.forSchema(schema as avro.Schema).toBuffer(data)]);
}

describe('a value', () => {
  it('is read as it was written, and says which schema it has', () => {
    const value = codec.encode(marks('a', 'b'));
    const { text } = readSchemas().find(({ type }) => type === 'MarkBatch')!;
    assert.deepEqual([value[0], value.readInt32BE(1)], [0, registry.add(text)]);
    assert.deepEqual(plain(codec.decodeSync(value)), marks('a', 'b'));
  });

  it('is touched by none that is written later, whatever their lengths', () => {
    // Around the length of a piece of memory, and far above.
    const lengths = [1, 65_510, 2, 65_519, 65_520, 65_521, 65_522, 65_536, 400_000, ...Array.from({ length: 2_000 }, (_, index) => index)];
    const records = lengths.map((length) => marks('x'.repeat(length), '€'.repeat(length % 50)));
    const values = records.map((record) => codec.encode(record));
    assert.deepEqual(values.map((value) => plain(codec.decodeSync(value))), records); // prettier-ignore
  });

  it('that cannot be written leaves those before and after it alone', () => {
    const before = codec.encode(marks('before'));
    assert.throws(() => codec.encode({ type: 'MarkBatch', data: { ids: ['half', 1 as never], atMs: [] } }));
    const later = codec.encode(marks('later'));
    assert.deepEqual([before, later].map((value) => plain(codec.decodeSync(value))), [marks('before'), marks('later')]); // prettier-ignore
  });

  it('that is cut, lengthened or of no known format is refused', async () => {
    const value = codec.encode(marks('some', 'ids'));
    for (let length = 0; length < value.length; length++) {
      assert.throws(() => codec.decodeSync(value.subarray(0, length)), undecodable, `${length} bytes`);
      await assert.rejects(codec.decode(value.subarray(0, length)), undecodable);
    }
    assert.throws(() => codec.decodeSync(Buffer.concat([value, Buffer.of(0)])), /trailing data/);
    assert.throws(() => codec.decodeSync(Buffer.concat([Buffer.of(1), value.subarray(1)])), /first byte is not 0/);
    const unknown = Buffer.from(value);
    unknown.writeInt32BE(99_999, 1);
    await assert.rejects(codec.decode(unknown), /schema 99999 is unknown/);
  });
});

describe('a value of another version', () => {
  it('is read with its own schema, once that is loaded: what it lacks has its default, what it has besides is left out', async () => {
    const extra = writtenByAnother((schema) => schema.fields.unshift({ name: 'note', type: ['null', 'string'], default: null }), {
      ...{ note: 'only there', ids: ['a'], atMs: [0] },
    });
    assert.throws(() => codec.decodeSync(extra), undecodable);
    assert.deepEqual(plain(await codec.decode(extra)), marks('a'));
    assert.deepEqual(plain(codec.decodeSync(extra)), marks('a'));
    for (let length = 5; length < extra.length; length++) assert.throws(() => codec.decodeSync(extra.subarray(0, length)), undecodable);
  });

  it('with the fields in another order is not taken for one of ours', async () => {
    const value = writtenByAnother((schema) => schema.fields.reverse(), { ids: ['a', 'b'], atMs: [0, 1] });
    assert.deepEqual(plain(await codec.decode(value)), marks('a', 'b'));
  });
});

/** Without prototypes: avsc makes records by classes of its own. */
const plain = (record: TypedRecord): unknown => JSON.parse(JSON.stringify(record));
