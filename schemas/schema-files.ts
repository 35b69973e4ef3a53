import { createHash } from 'node:crypto';
import { globSync, readFileSync } from 'node:fs';

/** Avro 1.12, "Schema Declaration", as far as our schemas go. */
export type AvroSchema = string | readonly AvroSchema[] | AvroNode;
export type AvroNode = {
  readonly type: string;
  readonly name?: string;
  readonly namespace?: string;
  readonly doc?: string;
  readonly fields?: readonly AvroField[];
  readonly items?: AvroSchema;
  readonly values?: AvroSchema;
};
export type AvroField = { readonly name: string; readonly type: AvroSchema; readonly doc?: string; readonly default?: unknown };

export const isUnion = (schema: AvroSchema): schema is readonly AvroSchema[] => Array.isArray(schema);

/** A schema file: `<context>/<record>.v<version>.avsc`. */
export type SchemaFile = {
  /** From `schemas/`. */
  readonly path: string;
  readonly context: string;
  readonly record: string;
  readonly version: number;
  readonly text: string;
  readonly schema: AvroNode;
  /** Lower-case hex of the file's bytes. */
  readonly sha256: string;
};

/** Every schema file, by context, record and version. @throws Error for a file in the wrong place or with the wrong name */
export function readSchemaFiles(folder: string = import.meta.dirname): readonly SchemaFile[] {
  return globSync('**/*.avsc', { cwd: folder })
    .map((path) => {
      const [, context, record, version] = /^([a-z]+)\/([A-Z][A-Za-z]+)[.]v([1-9][0-9]*)[.]avsc$/.exec(path) ?? [];
      if (!context || !record || !version) throw new Error(`schemas/${path} is not called <context>/<Record>.v<version>.avsc`);
      const text = readFileSync(`${folder}/${path}`, 'utf8');
      const schema = JSON.parse(text) as AvroNode;
      return { path, context, record, version: Number(version), text, schema, sha256: createHash('sha256').update(text).digest('hex') };
    })
    .toSorted((a, b) => compare(a.context, b.context) || compare(a.record, b.record) || a.version - b.version);
}

const compare = (a: string, b: string): number => (a < b ? -1 : Number(a > b));
