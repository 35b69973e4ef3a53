// A registry that gives no answer says nothing about a record: it is waited for, and no record is taken for poison.
import assert from 'node:assert/strict';
import { after, before, describe, it } from 'node:test';
import type { Codec } from '@waybill/stream';
import { createCodec, readSchemas } from './codec.ts';
import { startRegistryFixture, type RegistryFixture } from './schema-registry.fixture.ts';
import { patiently, readSchema } from './schema-registry.ts';

const unavailable = { code: 'LOG_UNAVAILABLE', handling: 'retry' };

let registry: RegistryFixture;
let codec: Codec;
before(async () => {
  registry = await startRegistryFixture();
  codec = await createCodec({ registryUrl: registry.url });
});
after(() => registry.close());

/** A value whose schema, one of an older version of ours, the codec has not met yet. */
function unseenValue(): Buffer {
  const schema = JSON.parse(readSchemas().find(({ type }) => type === 'MarkBatch')!.text) as object;
  const value = Buffer.from(codec.encode({ type: 'MarkBatch', data: { ids: ['a'], atMs: [1] } }));
  value.writeInt32BE(registry.add(JSON.stringify({ ...schema, doc: `${Math.random()}` })), 1);
  return value;
}

describe('a record whose schema is new', () => {
  it('is waited for while the registry answers 429, 500, 503 or 401, and is read once it is well', async () => {
    const value = unseenValue();
    for (const status of [429, 500, 503, 401]) {
      registry.trouble = status;
      await assert.rejects(codec.decode(value), { ...unavailable, message: new RegExp(`answers ${status}`) });
    }
    registry.trouble = undefined;
    assert.equal((await codec.decode(value)).type, 'MarkBatch');
  });

  it('is waited for while nothing listens, or the connection is lost', async () => {
    const gone = await startRegistryFixture();
    gone.close();
    await assert.rejects(readSchema(gone.url, 1), { ...unavailable, message: /ECONNREFUSED/ });
    gone.close();
  });

  it('is asked for anew after a question that never had an answer', async (test) => {
    const value = unseenValue();
    registry.trouble = 'silence';
    const { timeout } = AbortSignal;
    const patience = test.mock.method(AbortSignal, 'timeout', () => timeout(50)).mock; // Instead of ten seconds.
    await assert.rejects(codec.decode(value), unavailable);
    patience.restore();
    registry.trouble = undefined;
    assert.equal((await codec.decode(value)).type, 'MarkBatch');
  });

  it('is poison when the registry says that there is no such schema, or that it is none of Avro', async () => {
    await assert.rejects(readSchema(registry.url, 99_999), { code: 'RECORD_UNDECODABLE' });
    const value = unseenValue();
    value.writeInt32BE(registry.add('syntax = "proto3";'), 1);
    await assert.rejects(codec.decode(value), { code: 'RECORD_UNDECODABLE', message: /is no Avro schema/ });
  });
});

describe('a process that starts', () => {
  it('waits for a registry that is not well, within a bound', async () => {
    registry.trouble = 429;
    const before = registry.asked;
    const starting = createCodec({ registryUrl: registry.url });
    while (registry.asked < before + 2 * readSchemas().length) await new Promise(setImmediate);
    registry.trouble = undefined;
    await starting;
    registry.trouble = 500;
    await assert.rejects(patiently(() => readSchema(registry.url, 1), 200), unavailable); // prettier-ignore
    registry.trouble = undefined;
  });
});
