import type { Digest } from '@waybill/domain';
import { asOciError, type RegistryClient } from '../host/client.ts';
import { readBounded } from '../blob/body.ts';
import type { DescriptorDocument } from '../descriptor/descriptor.ts';
import { digestOf } from '../descriptor/digest.ts';
import { OciError } from '../host/errors.ts';
import { readPages } from '../host/pages.ts';
import { findManifestDigest, getManifest, manifestBytesMax, parseManifest, putManifest, type Manifest } from '../manifest/manifest.ts';
import { mediaTypes } from '../descriptor/media-types.ts';

export const referrersMax = 1_000;
const pagesMax = 50;

/** Tag of the index that lists referrers where the registry has no API for it (distribution spec 1.1, "Referrers Tag Schema"). */
export const referrersTag = (subject: Digest): string => subject.replace(':', '-').slice(0, 'sha256-'.length + 64);

/** Endings of the tags under which cosign keeps signatures, attestations and SBOMs (sigstore/cosign, SIGNATURE_SPEC.md, "Discovery"). */
const cosignEndings = ['sig', 'att', 'sbom'];

/** The tags under which old cosign keeps what is attached to a manifest. */
export const cosignTags = (subject: Digest): readonly string[] => cosignEndings.map((ending) => `${referrersTag(subject)}.${ending}`);

type Subject = { readonly repository: string; readonly digest: Digest };
/** With `artifactType`: those of that type alone. */
export type ReferrersQuery = Subject & { readonly artifactType?: string | undefined };

/**
 * What refers to a manifest: signatures, SBOMs, attestations. From the API, else from the fallback tag.
 * @throws OciError `CONTENT_TOO_LARGE` above {@link referrersMax}
 */
export async function listReferrers(
  client: RegistryClient,
  query: ReferrersQuery,
  signal: AbortSignal,
): Promise<readonly DescriptorDocument[]> {
  const byApi = await findReferrersByApi(client, query, signal);
  return byApi ?? (await listReferrersByTag(client, query, signal)).filter(isOfType(query));
}

const isOfType =
  ({ artifactType }: ReferrersQuery) =>
  (referrer: DescriptorDocument): boolean =>
    artifactType === undefined || referrer.artifactType === artifactType;

/**
 * What the registry's own API lists; undefined where it has none.
 * @throws OciError `CONTENT_TOO_LARGE` above {@link referrersMax}; `REGISTRY_PROTOCOL` or `REDIRECT_REFUSED` for pages that lead astray
 */
export async function findReferrersByApi(
  client: RegistryClient,
  query: ReferrersQuery,
  signal: AbortSignal,
): Promise<readonly DescriptorDocument[] | undefined> {
  const { repository, digest, artifactType } = query;
  const request = { repository, what: 'referrers', signal };
  const where = { host: client.registry.host, repository };
  const at = `referrers/${digest}${artifactType === undefined ? '' : `?${new URLSearchParams({ artifactType }).toString()}`}`;
  const headers = { accept: mediaTypes.ociIndex };
  const found: DescriptorDocument[] = [];
  try {
    // 404 is how a registry without the API answers; 400 and 405 are seen too, from those that take the path for another one.
    for await (const response of readPages(client, { ...request, at, action: 'pull', headers, expects: [200, 400, 404, 405], pagesMax })) {
      if (response.status !== 200) {
        await response.body.dump();
        return undefined;
      }
      const bytes = await readBounded(response.body, manifestBytesMax, request.what, where);
      const index = parseManifest(bytes, { digest: digestOf(bytes), contentType: mediaTypes.ociIndex }, where);
      const isFiltered = /\bartifactType\b/.test(String(response.headers['oci-filters-applied']));
      found.push(...(isFiltered ? descriptorsOf(index) : descriptorsOf(index).filter(isOfType(query))));
      if (found.length > referrersMax) throw tooMany(client, query);
    }
  } catch (error) {
    throw asOciError(error, request, client.registry);
  }
  return found;
}

const descriptorsOf = (manifest: Manifest): readonly DescriptorDocument[] => (manifest.kind === 'index' ? manifest.document.manifests : []);

/** What the fallback tag lists; nothing where there is none. */
export async function listReferrersByTag(
  client: RegistryClient,
  { repository, digest }: Subject,
  signal: AbortSignal,
): Promise<readonly DescriptorDocument[]> {
  // Asked for by HEAD first: some registries count a GET of what is not there against the rate limit.
  const seen = await findManifestDigest(client, { repository, reference: referrersTag(digest) }, signal);
  return seen === undefined ? [] : readReferrersTag(client, { repository, digest }, signal);
}

/** What a fallback tag lists that was seen a moment ago; nothing where it is gone again. */
export async function readReferrersTag(
  client: RegistryClient,
  { repository, digest }: Subject,
  signal: AbortSignal,
): Promise<readonly DescriptorDocument[]> {
  try {
    const found = descriptorsOf(await getManifest(client, { repository, reference: referrersTag(digest) }, signal));
    if (found.length > referrersMax) throw tooMany(client, { repository, digest });
    return found;
  } catch (error) {
    if (error instanceof OciError && error.code === 'CONTENT_NOT_FOUND') return [];
    throw error;
  }
}

const tooMany = (client: RegistryClient, { repository, digest }: Subject): OciError =>
  new OciError('CONTENT_TOO_LARGE', `more than ${referrersMax} referrers of ${digest}: remove those that are not needed`, {
    host: client.registry.host,
    repository,
  });

/** Others that write the same tag take turns with us this often before we say that it does not hold. */
const writesMax = 5;

/** Whoever writes a tag of that registry at this moment, in this process. */
const writers = new WeakMap<RegistryClient['registry'], Map<string, Promise<unknown>>>();

/**
 * Adds referrers to the fallback tag of a subject; those in it already stay. The scheme has no compare-and-set: writers of this process
 * take turns, and what another one's write has undone is written again. A writer elsewhere that has read the tag before this write, and
 * writes after it was seen, undoes it all the same: {@link keepInReferrersTag} looks again.
 * @returns whether one of them was not in it
 * @throws OciError `COPY_UNVERIFIED` when the tag does not keep what is written to it
 */
export const addToReferrersTag = (
  client: RegistryClient,
  subject: Subject,
  added: readonly DescriptorDocument[],
  signal: AbortSignal,
): Promise<boolean> => inTurn(client, subject, () => writeReferrersTag(client, subject, added, listReferrersByTag, signal));

/**
 * Looks again for what was added, and adds again what somebody else's write has undone. To be called when a writer that did not know of it
 * has had its time: the later, the surer.
 * @throws OciError `COPY_UNVERIFIED` when the tag does not keep what is written to it
 */
export async function keepInReferrersTag(
  client: RegistryClient,
  subject: Subject,
  added: readonly DescriptorDocument[],
  signal: AbortSignal,
): Promise<void> {
  await inTurn(client, subject, () => writeReferrersTag(client, subject, added, readReferrersTag, signal));
}

async function inTurn<T>(client: RegistryClient, subject: Subject, write: () => Promise<T>): Promise<T> {
  const tags = writers.get(client.registry) ?? new Map<string, Promise<unknown>>();
  writers.set(client.registry, tags);
  const key = `${subject.repository}:${referrersTag(subject.digest)}`;
  const before = tags.get(key);
  const written = (async () => {
    await before?.catch(() => {}); // Its failure is told to its caller.
    return write();
  })();
  tags.set(key, written);
  try {
    return await written;
  } finally {
    if (tags.get(key) === written) tags.delete(key);
  }
}

/** @param readFirst how the tag is read before it is written: whether it is known to be there, or has to be asked for */
async function writeReferrersTag(
  client: RegistryClient,
  subject: Subject,
  added: readonly DescriptorDocument[],
  readFirst: typeof readReferrersTag,
  signal: AbortSignal,
): Promise<boolean> {
  const { repository, digest } = subject;
  const reference = referrersTag(digest);
  for (let writes = 0; ; writes++) {
    const present = await (writes === 0 ? readFirst : readReferrersTag)(client, subject, signal);
    const missing = added.filter((descriptor) => !present.some((other) => other.digest === descriptor.digest));
    if (missing.length === 0) return writes > 0;
    if (writes === writesMax) throw notKept(client, repository, reference);
    const document = { schemaVersion: 2, mediaType: mediaTypes.ociIndex, manifests: [...present, ...missing] };
    const bytes = Buffer.from(JSON.stringify(document));
    const descriptor = { mediaType: mediaTypes.ociIndex, digest: digestOf(bytes), sizeBytes: bytes.byteLength };
    await putManifest(client, { repository, reference }, { descriptor, bytes }, signal);
  }
}

function notKept({ registry: { host } }: RegistryClient, repository: string, reference: string): OciError {
  const message = `${host} does not keep the tag ${reference} of ${repository} as it was written ${writesMax} times: copy again`;
  return new OciError('COPY_UNVERIFIED', message, { host, repository });
}
