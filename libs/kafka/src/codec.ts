import { globSync, readFileSync } from 'node:fs';
import { basename } from 'node:path';
import { SchemaRegistry, SchemaType } from '@kafkajs/confluent-schema-registry';
import type { RecordType, TypedRecord } from '@waybill/domain';
import { StreamError, type Codec } from '@waybill/stream';
import avro from 'avsc';
import { errorMessage } from './error-message.ts';

/** Confluent wire format: a zero byte, the schema id as int32 big-endian, the Avro body. */
const magicByte = 0;
const headerBytes = 5;

export type SchemaFile = { readonly type: RecordType; readonly subject: string; readonly text: string };

/** Every schema in `schemas/`, newest version of each record type. The subject is the record's full name (record name strategy). */
export function readSchemas(): readonly SchemaFile[] {
  const folder = new URL('../../../schemas/', import.meta.url).pathname;
  return globSync('*/*.v1.avsc', { cwd: folder })
    .sort()
    .map((path) => {
      const text = readFileSync(`${folder}${path}`, 'utf8');
      const { name, namespace } = JSON.parse(text) as { name: RecordType; namespace: string };
      if (!basename(path).startsWith(`${name}.`)) throw new Error(`schemas/${path} holds the record ${name}`);
      return { type: name, subject: `${namespace}.${name}`, text };
    });
}

type Writer = { readonly type: RecordType; readonly decode: (body: Buffer) => unknown };

/**
 * Encodes with the schemas of this version and decodes whatever version wrote.
 *
 * Ids are asked for once, at start; a schema that the registry does not know is an error that says to run the deploy step:
 * no app registers. Resolvers are kept per writer's schema: making one per message costs 26 times the decoding itself.
 * @throws Error naming every schema that is missing
 */
export async function createCodec(options: { readonly registryUrl: string }): Promise<Codec> {
  const registry = new SchemaRegistry({
    host: options.registryUrl,
    retry: { retries: 5, initialRetryTimeInSecs: 0.1, maxRetryTimeInSecs: 3 },
  });
  const schemas = readSchemas();
  const readers = new Map<string, avro.Type>(
    schemas.map(({ subject, text }) => [subject, avro.Type.forSchema(JSON.parse(text) as avro.Schema)]),
  );
  const encoders = new Map<RecordType, { readonly id: number; readonly type: avro.Type }>();
  const writers = new Map<number, Writer>();

  const addWriter = async (id: number): Promise<Writer> => {
    const known = writers.get(id);
    if (known) return known;
    const schema = (await registry.getSchema(id)) as avro.Type;
    const name = schema.name ?? 'an unnamed type';
    const reader = readers.get(name);
    if (!reader) throw new StreamError('RECORD_UNDECODABLE', `schema ${id} is of ${name}, which this version does not know`);
    const resolver = reader.createResolver(avro.Type.forSchema(schema.schema()));
    const writer: Writer = { type: name.split('.').at(-1) as RecordType, decode: (body): unknown => reader.fromBuffer(body, resolver) };
    writers.set(id, writer);
    return writer;
  };

  const missing: string[] = [];
  await Promise.all(
    schemas.map(async ({ type, subject, text }) => {
      try {
        const id = await registry.getRegistryIdBySchema(subject, { type: SchemaType.AVRO, schema: text });
        encoders.set(type, { id, type: readers.get(subject)! });
        await addWriter(id);
      } catch (error) {
        missing.push(`  ${subject}: ${errorMessage(error)}`);
      }
    }),
  );
  if (missing.length > 0)
    throw new Error(`schemas are not registered at ${options.registryUrl}; run \`waybill deploy\`:\n${missing.join('\n')}`);

  const decodeBody = (writer: Writer, value: Buffer): TypedRecord => {
    try {
      return { type: writer.type, data: writer.decode(value.subarray(headerBytes)) } as TypedRecord;
    } catch (error) {
      throw new StreamError('RECORD_UNDECODABLE', `the bytes are no ${writer.type}: ${errorMessage(error)}`, { cause: error });
    }
  };

  return {
    encode({ type, data }) {
      const encoder = encoders.get(type);
      if (!encoder) throw new Error(`no schema for ${type}`);
      const body = encoder.type.toBuffer(data);
      const header = Buffer.alloc(headerBytes);
      header.writeInt8(magicByte, 0);
      header.writeInt32BE(encoder.id, 1);
      return Buffer.concat([header, body]);
    },
    async decode(value) {
      const id = schemaId(value);
      let writer: Writer;
      try {
        writer = await addWriter(id);
      } catch (error) {
        if (isUnreachable(error))
          throw new StreamError('LOG_UNAVAILABLE', `schema ${id} cannot be read now: ${errorMessage(error)}`, { cause: error });
        throw error instanceof StreamError
          ? error
          : new StreamError('RECORD_UNDECODABLE', `schema ${id} is unknown: ${errorMessage(error)}`, { cause: error });
      }
      return decodeBody(writer, value);
    },
    decodeSync(value) {
      const id = schemaId(value);
      const writer = writers.get(id);
      if (!writer) throw new StreamError('RECORD_UNDECODABLE', `schema ${id} has not been read`);
      return decodeBody(writer, value);
    },
  };
}

function schemaId(value: Buffer): number {
  if (value.length < headerBytes || value[0] !== magicByte)
    throw new StreamError('RECORD_UNDECODABLE', 'no Confluent wire format: the first byte is not 0');
  return value.readInt32BE(1);
}

/** The registry did not answer, as against: it answered that it does not know the schema. */
const isUnreachable = (error: unknown): boolean => {
  const status = (error as { status?: unknown }).status;
  return typeof status !== 'number' || status >= 500 || status === 429;
};
