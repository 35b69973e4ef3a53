import { Type } from 'typebox';
import { Compile } from 'typebox/compile';
import type { RegistryClient } from '../host/client.ts';
import type { Descriptor } from '../descriptor/descriptor.ts';
import { findInlined } from '../descriptor/inlined.ts';
import { OciError } from '../host/errors.ts';
import { readBlob } from '../blob/blob.ts';

export const configBytesMax = 8 * 1_024 * 1_024;

const text = Type.Union([Type.String(), Type.Null()]);
const check = Compile(
  Type.Object({
    os: Type.Optional(text),
    architecture: Type.Optional(text),
    variant: Type.Optional(text),
    created: Type.Optional(text),
    config: Type.Optional(
      Type.Union([
        Type.Null(),
        Type.Object({ Labels: Type.Optional(Type.Union([Type.Null(), Type.Record(Type.String(), Type.String())])) }),
      ]),
    ),
  }),
);

/** What of an image's configuration we use (OCI image spec 1.1, "Image Configuration"); Go writes absent maps as null. */
export type ImageConfig = {
  readonly os: string;
  readonly architecture: string;
  readonly variant: string | null;
  readonly createdAt: string | null;
  readonly labels: Readonly<Record<string, string>>;
  /** All of it, as it was written. */
  readonly document: Readonly<Record<string, unknown>>;
};

/**
 * @param query with `data`, where the descriptor carries its content: then nothing is asked for
 * @throws OciError `MANIFEST_INVALID` when it is no image configuration
 */
export async function readImageConfig(
  client: RegistryClient,
  query: { readonly repository: string; readonly descriptor: Descriptor; readonly data?: string | undefined },
  signal: AbortSignal,
): Promise<ImageConfig> {
  const where = { host: client.registry.host, repository: query.repository };
  const inlined = findInlined(query.descriptor, query.data, where);
  const bytes = inlined ?? (await readBlob(client, query, configBytesMax, signal));
  const document = parseJson(bytes);
  if (!check.Check(document)) {
    const message = `config ${query.descriptor.digest} of ${query.repository} is no image configuration`;
    throw new OciError('MANIFEST_INVALID', message, where);
  }
  return {
    os: document.os ?? 'unknown',
    architecture: document.architecture ?? 'unknown',
    variant: document.variant || null,
    createdAt: document.created || null,
    labels: document.config?.Labels ?? {},
    document,
  };
}

function parseJson(bytes: Buffer): unknown {
  try {
    return JSON.parse(bytes.toString('utf8'));
  } catch {
    return undefined;
  }
}
