import type { RegistryClient } from '../host/client.ts';
import type { InlineDescriptor } from '../descriptor/descriptor.ts';
import { findFieldFault, isFields, isTexts, type Fields } from '../descriptor/shape.ts';
import { OciError } from '../host/errors.ts';
import { readBlob } from '../blob/blob.ts';
import { parseJson } from '../blob/body.ts';

export const configBytesMax = 8 * 1_024 * 1_024;

const isAbsent = (value: unknown): boolean => value === undefined || value === null;
const isText = (value: unknown): boolean => isAbsent(value) || typeof value === 'string';
const configFields = {
  ...{ os: isText, architecture: isText, variant: isText, created: isText },
  config: (value: unknown): boolean => isAbsent(value) || (isFields(value) && (isAbsent(value['Labels']) || isTexts(value['Labels']))),
};
type ConfigDocument = Fields & {
  readonly os?: string | null;
  readonly architecture?: string | null;
  readonly variant?: string | null;
  readonly created?: string | null;
  readonly config?: { readonly Labels?: Readonly<Record<string, string>> | null } | null;
};
const isConfig = (document: unknown): document is ConfigDocument =>
  isFields(document) && findFieldFault(document, configFields, '') === undefined;

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

/** @throws OciError `MANIFEST_INVALID` when it is no image configuration */
export async function readImageConfig(
  client: RegistryClient,
  query: { readonly repository: string; readonly descriptor: InlineDescriptor },
  signal: AbortSignal,
): Promise<ImageConfig> {
  const where = { host: client.registry.host, repository: query.repository };
  const document = parseJson(await readBlob(client, query, configBytesMax, signal));
  if (!isConfig(document)) {
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
