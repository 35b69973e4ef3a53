import { isDigest, type Digest } from '@waybill/domain';
import { parseJson, readBounded } from '../blob/body.ts';
import { asOciError, type RegistryClient } from '../host/client.ts';
import { toInlineDescriptor, type Descriptor, type InlineDescriptor } from '../descriptor/descriptor.ts';
import { algorithmOf, digestOf, hasDigest } from '../descriptor/digest.ts';
import { findInlined } from '../descriptor/inlined.ts';
import { OciError } from '../host/errors.ts';
import { isForeignLayerType, isIndexType, isManifestType, isSchema1Type, manifestAccept } from '../descriptor/media-types.ts';
import { findImageFault, findIndexFault, type ImageDocument, type IndexDocument } from './manifest-document.ts';

/** What every registry must take (OCI distribution spec 1.1, "Pushing Manifests"). */
export const manifestBytesMax = 4 * 1_024 * 1_024;

/** A manifest with the bytes that make its digest; `document` is a reading of them and never written back. */
export type Manifest = { readonly descriptor: Descriptor; readonly bytes: Buffer } & (
  { readonly kind: 'manifest'; readonly document: ImageDocument } | { readonly kind: 'index'; readonly document: IndexDocument }
);

export type ManifestQuery = {
  readonly repository: string;
  /** Tag or digest. */
  readonly reference: string;
  /** Of the descriptor that named it, where one did: then `reference` is its digest. */
  readonly sizeBytes?: number;
  readonly mediaType?: string;
  readonly data?: string;
};

/**
 * Reads a manifest and checks its bytes against the digest that was asked for, or that the registry names. One that lies in its descriptor
 * is not asked for.
 * @throws OciError
 */
export async function getManifest(client: RegistryClient, query: ManifestQuery, signal: AbortSignal): Promise<Manifest> {
  const { repository, reference, sizeBytes, mediaType, data } = query;
  const request = { what: `manifest ${reference}`, repository, signal };
  const where = { host: client.registry.host, repository };
  if (data !== undefined && sizeBytes !== undefined && isDigest(reference)) {
    const inlined = findInlined({ digest: reference, sizeBytes, data }, where);
    if (inlined) return parseManifest(inlined, { contentType: mediaType, digest: reference }, where);
  }
  try {
    const { headers, body } = await client.send({
      ...request,
      method: 'GET',
      at: `manifests/${reference}`,
      action: 'pull',
      headers: { accept: manifestAccept },
      expects: [200],
    });
    const bytes = await readBounded(body, manifestBytesMax, request.what, where);
    const named = [reference, headers['docker-content-digest']].find((text) => typeof text === 'string' && isDigest(text));
    const digest = named ?? digestOf(bytes);
    if (sizeBytes !== undefined && sizeBytes !== bytes.byteLength) {
      const message = `${where.host} sent ${bytes.byteLength} bytes for the manifest ${reference} of ${sizeBytes}`;
      throw new OciError('CONTENT_SIZE_MISMATCH', message, where);
    }
    return parseManifest(bytes, { contentType: headers['content-type'], digest }, where);
  } catch (error) {
    throw asOciError(error, request, client.registry);
  }
}

const isSchema1 = 'is Docker schema 1: push the image again with a current client';
/** Of OCI image spec 1.1, release candidates 1 and 2. */
const artifactManifestType = 'application/vnd.oci.artifact.manifest.v1+json';

/**
 * Understands a manifest.
 * @throws OciError `CONTENT_DIGEST_MISMATCH`, `MANIFEST_UNSUPPORTED` (schema 1, artifacts of an OCI draft, unknown types) or
 *   `MANIFEST_INVALID`; also where media type and content contradict each other, since clients that believe the one or the other would
 *   see two images (CVE-2021-41190)
 */
export function parseManifest(
  bytes: Buffer,
  told: { readonly contentType?: string | string[] | undefined; readonly digest: Digest },
  where: { readonly host: string; readonly repository: string },
): Manifest {
  const { digest } = told;
  const unsupported = (why: string) => new OciError('MANIFEST_UNSUPPORTED', `manifest ${digest} of ${where.repository} ${why}`, where);
  const contentType = typeof told.contentType === 'string' ? told.contentType.split(';')[0]!.trim() : undefined;
  if (isSchema1Type(contentType ?? '')) throw unsupported(isSchema1); // Before its digest, which is not that of its bytes.
  if (!hasDigest(bytes, digest)) {
    throw new OciError(
      'CONTENT_DIGEST_MISMATCH',
      `the manifest that ${where.host} sent for ${digest} has another ${algorithmOf(digest)}`,
      where,
    );
  }
  const invalid = (why: string) => new OciError('MANIFEST_INVALID', `manifest ${digest} of ${where.repository} ${why}`, where);
  const document = parseJson(bytes);
  if (typeof document !== 'object' || document === null) throw invalid('is no JSON object');
  const fields = document as Readonly<Record<string, unknown>>;
  const written = typeof fields['mediaType'] === 'string' ? fields['mediaType'] : undefined;
  const mediaType = written ?? contentType ?? '';
  if (fields['schemaVersion'] === 1 || isSchema1Type(mediaType)) throw unsupported(isSchema1);
  if (mediaType === artifactManifestType) throw unsupported('is an artifact of a withdrawn draft of OCI: push it again as an OCI manifest');
  const isKnown = (type: string | undefined): boolean => type !== undefined && (isIndexType(type) || isManifestType(type));
  if (written !== undefined && isKnown(contentType) && written !== contentType)
    throw invalid(`says ${written} and was sent as ${contentType}`);
  const descriptor: Descriptor = { mediaType, digest, sizeBytes: bytes.byteLength };
  if (isIndexType(mediaType)) {
    const fault = findIndexFault(document);
    if (fault !== undefined) throw invalid(`is no valid index: ${fault}`);
    return { kind: 'index', descriptor, bytes, document: document as IndexDocument };
  }
  if (!isManifestType(mediaType)) throw unsupported(`has the unknown type ${mediaType.slice(0, 100)}`);
  const fault = findImageFault(document);
  if (fault !== undefined) throw invalid(`is no valid image manifest: ${fault}`);
  return { kind: 'manifest', descriptor, bytes, document: document as ImageDocument };
}

/** Of an index: what it names. */
export const childrenOf = (manifest: Manifest): readonly InlineDescriptor[] =>
  manifest.kind === 'index' ? manifest.document.manifests.map(toInlineDescriptor) : [];

/** Config and layers. A foreign layer lies at its vendor, and registries take manifests without it. */
export const blobsOf = (manifest: Manifest): readonly InlineDescriptor[] =>
  manifest.kind === 'index'
    ? []
    : [manifest.document.config, ...manifest.document.layers.filter(({ mediaType }) => !isForeignLayerType(mediaType))].map(
        toInlineDescriptor,
      );

/** What a tag or digest stands for at the registry, without its bytes; undefined when it is not there. */
export async function findManifestDescriptor(
  client: RegistryClient,
  { repository, reference }: ManifestQuery,
  signal: AbortSignal,
): Promise<Descriptor | undefined> {
  const { status, headers } = await client.send({
    method: 'HEAD',
    repository,
    what: `manifest ${reference}`,
    at: `manifests/${reference}`,
    action: 'pull',
    headers: { accept: manifestAccept },
    expects: [200, 404],
    signal,
  });
  if (status === 404) return undefined;
  const digest = findToldDigest(headers['docker-content-digest'], reference, { host: client.registry.host, repository });
  const mediaType = String(headers['content-type'] ?? '')
    .split(';')[0]!
    .trim();
  const sizeBytes = Number(headers['content-length'] ?? 0);
  if (digest !== undefined && (isManifestType(mediaType) || isIndexType(mediaType)) && sizeBytes > 0)
    return { mediaType, digest, sizeBytes };
  // The digest is only a SHOULD, and a header may be missing; without them the bytes tell.
  return (await getManifest(client, { repository, reference }, signal)).descriptor;
}

/** What was asked for by digest has that one; of another algorithm the registry's may be right as well. */
function findToldDigest(
  header: string | string[] | undefined,
  reference: string,
  where: { readonly host: string; readonly repository: string },
): Digest | undefined {
  const told = typeof header === 'string' && isDigest(header) ? header : undefined;
  if (!isDigest(reference)) return told;
  if (told === undefined || told === reference || algorithmOf(told) !== algorithmOf(reference)) return reference;
  throw new OciError('CONTENT_DIGEST_MISMATCH', `${where.host} was asked for manifest ${reference} and tells of ${told}`, where);
}

/** Digest that a tag or digest has at the registry; undefined when it is not there. */
export const findManifestDigest = async (client: RegistryClient, query: ManifestQuery, signal: AbortSignal): Promise<Digest | undefined> =>
  (await findManifestDescriptor(client, query, signal))?.digest;

/**
 * Stores a manifest under a tag or its digest, byte for byte.
 * @returns whether the registry says that it will list the manifest as a referrer of its subject (header `OCI-Subject`)
 * @throws OciError `REGISTRY_UNSUPPORTED` where it takes none by sha512
 */
export async function putManifest(
  client: RegistryClient,
  target: { readonly repository: string; readonly reference: string },
  manifest: Pick<Manifest, 'descriptor' | 'bytes'>,
  signal: AbortSignal,
): Promise<{ readonly subjectLinked: boolean }> {
  const { repository, reference } = target;
  try {
    const { headers, body } = await client.send({
      method: 'PUT',
      repository,
      what: `manifest ${reference}`,
      at: `manifests/${reference}`,
      action: 'push',
      headers: { 'content-type': manifest.descriptor.mediaType },
      body: manifest.bytes,
      expects: [201],
      signal,
    });
    await body.dump();
    return { subjectLinked: headers['oci-subject'] !== undefined };
  } catch (error) {
    throw isSha512Refusal(error, reference) ? unsupportedSha512(error) : error;
  }
}

/** CNCF Distribution 3.0 computes the sha256 of what it gets, and finds the other digest wrong. */
const isSha512Refusal = (error: unknown, reference: string): error is OciError =>
  error instanceof OciError && error.registryCode === 'DIGEST_INVALID' && isDigest(reference) && algorithmOf(reference) === 'sha512';

function unsupportedSha512(cause: OciError): OciError {
  const { host, repository, status } = cause;
  const advice = 'copy the image under a tag alone, build it with sha256, or choose a registry that takes sha512';
  const message = `${host} takes no manifest of ${repository} by its sha512 (${status} ${cause.registryCode}): ${advice}`;
  return new OciError('REGISTRY_UNSUPPORTED', message, { host, repository, ...(status === undefined ? {} : { status }), cause });
}
