import avro from 'avsc';

export type Version = { readonly name: string; readonly schema: avro.Schema };

/**
 * Pairs of versions that cannot read each other: FULL_TRANSITIVE (Confluent, "Schema Evolution and Compatibility") means that
 * every version reads what every other has written, older or newer.
 */
export function compatibilityFaults(versions: readonly Version[]): readonly string[] {
  const types = versions.map(({ name, schema }) => ({ name, type: avro.Type.forSchema(schema) }));
  return types.flatMap((reader) =>
    types.flatMap((writer) => {
      const fault = reader === writer ? undefined : findResolutionFault(reader.type, writer.type);
      return fault === undefined ? [] : [`${reader.name} cannot read ${writer.name}: ${fault}`];
    }),
  );
}

function findResolutionFault(reader: avro.Type, writer: avro.Type): string | undefined {
  try {
    reader.createResolver(writer);
    return undefined;
  } catch (error) {
    return error instanceof Error ? error.message : String(error);
  }
}
