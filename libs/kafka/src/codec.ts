import { globSync, readFileSync } from 'node:fs';
import { basename } from 'node:path';
import type { RecordType, TypedRecord } from '@waybill/domain';
import { StreamError, type Codec } from '@waybill/stream';
import avro from 'avsc';
import { errorMessage } from './error-message.ts';
import { findSchemaId, patiently, readSchema } from './schema-registry.ts';

/** Confluent wire format: a zero byte, the schema id as int32 big-endian, the Avro body. */
const magicByte = 0;
const headerBytes = 5;
/** Values are written one behind the other into a piece of memory; one that keeps a value keeps the piece. */
const pieceBytes = 65_536;
/** How long the registry may be away while a process starts. */
const startMsMax = 30_000;

export type SchemaFile = { readonly type: RecordType; readonly subject: string; readonly text: string };

/** Every schema in `schemas/`, newest version of each record type. The subject is the record's full name (record name strategy). */
export function readSchemas(): readonly SchemaFile[] {
  const folder = new URL('../../../schemas/', import.meta.url).pathname;
  const newest = new Map<string, SchemaFile>(); // A later version replaces an earlier one.
  const versionOf = (path: string): number => Number(/\.v(\d+)\.avsc$/.exec(path)?.[1]);
  for (const path of globSync('*/*.avsc', { cwd: folder }).sort((a, b) => versionOf(a) - versionOf(b))) {
    const text = readFileSync(`${folder}${path}`, 'utf8');
    const { name, namespace } = JSON.parse(text) as { name: RecordType; namespace: string };
    if (!basename(path).startsWith(`${name}.`)) throw new Error(`schemas/${path} holds the record ${name}`);
    newest.set(name, { type: name, subject: `${namespace}.${name}`, text });
  }
  return [...newest.values()].toSorted((a, b) => (a.subject < b.subject ? -1 : 1));
}

/** Decodes what one version of a record's schema wrote. */
type WriterSchema = { readonly type: RecordType; readonly reader: avro.Type; readonly resolver: avro.Resolver | undefined };

/**
 * Encodes with the schemas of this version and decodes whatever version wrote.
 *
 * Ids are asked for once, at start; a schema that the registry does not know is an error that says to run the deploy step:
 * no app registers. Resolvers are kept per writer's schema: making one per message costs 26 times the decoding itself.
 * @throws Error naming every schema that is missing; StreamError `LOG_UNAVAILABLE` where the registry gives no answer for 30 s
 */
export async function createCodec({ registryUrl }: { readonly registryUrl: string }): Promise<Codec> {
  const schemas = readSchemas();
  const readers = new Map<string, avro.Type>(
    schemas.map(({ subject, text }) => [subject, avro.Type.forSchema(JSON.parse(text) as avro.Schema)]),
  );
  const writers = new WriterSchemas(registryUrl, readers);
  const encoders = await readEncoders(registryUrl, schemas, writers);
  const writeValue = valueWriter();

  return {
    encode: ({ type, data }) => writeValue(encoders.get(type)!, data),
    decode: async (value) => decodeBody(await writers.load(schemaId(value)), value),
    decodeSync: (value) => decodeBody(writers.get(schemaId(value)), value),
  };
}

type Encoder = { readonly id: number; readonly type: avro.Type };

async function readEncoders(registryUrl: string, schemas: readonly SchemaFile[], writers: WriterSchemas) {
  const encoders = new Map<RecordType, Encoder>();
  const missing: string[] = [];
  await Promise.all(
    schemas.map(async ({ type, subject, text }) => {
      const id = await patiently(() => findSchemaId(registryUrl, subject, text), startMsMax);
      if (id === undefined) return void missing.push(`  ${subject}`);
      const { reader } = await patiently(() => writers.load(id), startMsMax);
      encoders.set(type, { id, type: reader });
    }),
  );
  if (missing.length === 0) return encoders;
  throw new Error(`schemas are not registered at ${registryUrl}; run \`waybill deploy\`:\n${missing.toSorted().join('\n')}`);
}

/**
 * Writes values in wire format. Memory is taken by the piece, not by the value: that, and copying a body behind its header, costs
 * more than the encoding itself.
 */
function valueWriter(): (encoder: Encoder, data: unknown) => Buffer {
  let piece = Buffer.allocUnsafeSlow(pieceBytes);
  let at = 0;
  return ({ id, type }, data) => {
    let end = type.encode(data, piece, at + headerBytes);
    if (end < 0) {
      // So many bytes were missing.
      const size = piece.length - at - end;
      piece = Buffer.allocUnsafeSlow(Math.max(size, pieceBytes));
      at = 0;
      end = type.encode(data, piece, headerBytes);
    }
    const value = piece.subarray(at, end);
    value[0] = magicByte;
    value.writeInt32BE(id, 1);
    at = end;
    return value;
  };
}

/** Schemas that records were written with, by registry id. */
class WriterSchemas {
  readonly #registryUrl: string;
  readonly #readers: ReadonlyMap<string, avro.Type>;
  readonly #known = new Map<number, WriterSchema>();

  constructor(registryUrl: string, readers: ReadonlyMap<string, avro.Type>) {
    this.#registryUrl = registryUrl;
    this.#readers = readers;
  }

  /** @throws StreamError `RECORD_UNDECODABLE` */
  get(id: number): WriterSchema {
    const known = this.#known.get(id);
    if (!known) throw new StreamError('RECORD_UNDECODABLE', `schema ${id} has not been read`);
    return known;
  }

  /** @throws StreamError `RECORD_UNDECODABLE`, or `LOG_UNAVAILABLE` where the registry gives no answer: then one waits */
  async load(id: number): Promise<WriterSchema> {
    const known = this.#known.get(id);
    if (known) return known;
    const written = typeOf(id, await readSchema(this.#registryUrl, id));
    const name = written.name ?? 'an unnamed type';
    const reader = this.#readers.get(name);
    if (!reader) throw new StreamError('RECORD_UNDECODABLE', `schema ${id} is of ${name}, which this version does not know`);
    const resolver = isSame(reader, written) ? undefined : reader.createResolver(written);
    const writer: WriterSchema = { type: name.split('.').at(-1) as RecordType, reader, resolver };
    this.#known.set(id, writer);
    return writer;
  }
}

function typeOf(id: number, text: string): avro.Type {
  try {
    return avro.Type.forSchema(JSON.parse(text) as avro.Schema);
  } catch (error) {
    throw new StreamError('RECORD_UNDECODABLE', `schema ${id} is no Avro schema: ${errorMessage(error)}`, { cause: error });
  }
}

/** Alike in what lies in the bytes; defaults and documentation do not. */
const isSame = (reader: avro.Type, writer: avro.Type): boolean => reader.fingerprint().equals(writer.fingerprint());

function decodeBody({ type, reader, resolver }: WriterSchema, value: Buffer): TypedRecord {
  try {
    const { value: data, offset } = reader.decode(value, headerBytes, resolver) as { readonly value: unknown; readonly offset: number };
    if (offset !== value.length) throw new Error(offset < 0 ? 'truncated buffer' : 'trailing data');
    return { type, data } as TypedRecord;
  } catch (error) {
    throw new StreamError('RECORD_UNDECODABLE', `the bytes are no ${type}: ${errorMessage(error)}`, { cause: error });
  }
}

function schemaId(value: Buffer): number {
  if (value.length < headerBytes || value[0] !== magicByte)
    throw new StreamError('RECORD_UNDECODABLE', 'no Confluent wire format: the first byte is not 0');
  return value.readInt32BE(1);
}
