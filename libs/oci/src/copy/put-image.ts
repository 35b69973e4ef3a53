import type { Digest } from '@waybill/domain';
import type { DescriptorDocument } from '../descriptor/descriptor.ts';
import { contentFaultOf, OciError } from '../host/errors.ts';
import { getManifest, putManifest, type Manifest } from '../manifest/manifest.ts';
import { addToReferrersTag, keepInReferrersTag } from '../referrer/referrers.ts';
import type { ReferrersApis } from './attachments.ts';
import { mapConcurrently } from '../host/concurrent.ts';
import type { CopyReport, ManifestReport, Place } from './copy-request.ts';
import type { CopyPlan, PlannedManifest } from './plan-copy.ts';

export type PutRequest = {
  readonly source: Place;
  readonly target: Place;
  readonly tag: string | undefined;
  /** Whether the target is asked first for what is to be put, since the plan did not. */
  readonly looksFirst: boolean;
  readonly apis: ReferrersApis;
  readonly onManifest: (manifest: ManifestReport) => void;
  readonly onTag: (tag: TagReport) => void;
  readonly signal: AbortSignal;
};
type TagReport = CopyReport['tags'][number];

const putsAtOnceMax = 4;

/**
 * Puts the manifests of a plan whose blobs are at the target, and reads back what it has put. Children come before parents, an image before
 * what is attached to it, and its tag last of all: so it never points to something incomplete, wherever this ends.
 * @throws OciError, `COPY_UNVERIFIED` when the target does not give back what it took; or the signal's reason
 */
export async function putImage(plan: CopyPlan, request: PutRequest): Promise<void> {
  const { tag, onTag, signal } = request;
  const { root, manifests, referrers, digestTags } = plan;
  const putAll = async (planned: readonly PlannedManifest[]): Promise<void> => {
    const put = (one: PlannedManifest, either: AbortSignal) => putPlanned(plan, request, one, either);
    const isIndex = ({ manifest }: PlannedManifest): boolean => manifest?.kind === 'index';
    await mapConcurrently(
      planned.filter((one) => !isIndex(one)),
      putsAtOnceMax,
      signal,
      put,
    );
    for (const index of planned.filter(isIndex)) await put(index, signal);
  };
  const at = (distance: number) => manifests.filter((planned) => planned !== root && planned.distance === distance);
  const distanceMax = Math.max(...manifests.map(({ distance }) => distance));

  await putAll(at(0));
  // Put under its tag, a manifest is there by its digest too; but some registries refuse what is attached to nothing.
  if (tag === undefined || distanceMax > 0) await putPlanned(plan, request, root, signal);
  for (let distance = 1; distance <= distanceMax; distance++) await putAll(at(distance));
  const linked: Linked[] = [];
  for (const [digest, referring] of referrers) linked.push({ digest, added: await linkReferrers(request, digest, referring) });
  for (const { tag: name, digest, isThere } of digestTags) onTag({ tag: name, digest, outcome: isThere ? 'present' : 'set' });
  if (tag !== undefined) {
    const outcome = root.isThere ? 'present' : await ensureManifest(request, root, tag, signal);
    if (distanceMax === 0) request.onManifest(reportOf(root, outcome));
    onTag({ tag, digest: root.descriptor.digest, outcome: outcome === 'present' ? 'present' : 'set' });
  }
  await keepLinked(request, linked);
}

/** What was added to the fallback tag of a manifest. */
type Linked = { readonly digest: Digest; readonly added: readonly DescriptorDocument[] };

export const reportOf = ({ descriptor, distance }: PlannedManifest, outcome: ManifestReport['outcome']): ManifestReport => ({
  ...{ ...descriptor, outcome, refers: distance > 0 },
});

/** Under its digest tags where it has any, else under its digest. */
async function putPlanned({ digestTags }: CopyPlan, request: PutRequest, planned: PlannedManifest, signal: AbortSignal): Promise<void> {
  const { descriptor, isThere } = planned;
  const tags = digestTags.filter((one) => one.digest === descriptor.digest && !one.isThere).map(({ tag }) => tag);
  const outcomes: ManifestReport['outcome'][] = [];
  for (const reference of tags.length > 0 || isThere ? tags : [descriptor.digest])
    outcomes.push(await ensureManifest(request, planned, reference, signal));
  request.onManifest(reportOf(planned, !isThere && outcomes.includes('copied') ? 'copied' : 'present'));
}

async function ensureManifest(
  request: PutRequest,
  { descriptor, manifest: read }: PlannedManifest,
  reference: string,
  signal: AbortSignal,
): Promise<ManifestReport['outcome']> {
  const { source, target, looksFirst, apis } = request;
  const { client, repository } = target;
  const manifest = read ?? (await getManifest(source.client, { repository: source.repository, reference: descriptor.digest }, signal));
  if (looksFirst && (await isThere(target, reference, manifest, signal))) return 'present';
  const { subjectLinked } = await putManifest(client, { repository, reference }, manifest, signal);
  if (manifest.document.subject && !subjectLinked) apis.isMissing(target); // The fallback tag has to say it then.
  if (!(await isThere(target, reference, manifest, signal))) throw unverified(target, `manifest ${reference}`);
  return 'copied';
}

async function isThere({ client, repository }: Place, reference: string, manifest: Manifest, signal: AbortSignal): Promise<boolean> {
  try {
    const { bytes, descriptor } = await getManifest(client, { repository, reference }, signal);
    return bytes.equals(manifest.bytes) && descriptor.mediaType === manifest.descriptor.mediaType;
  } catch (error) {
    if (contentFaultOf(error) === undefined) throw error;
    return false;
  }
}

/** A registry with the API has linked them by their `subject`; for any other, and for what names none, the fallback tag must say it. */
async function linkReferrers(
  { target, apis, signal }: PutRequest,
  digest: Digest,
  referrers: readonly DescriptorDocument[],
): Promise<readonly DescriptorDocument[]> {
  const listed = new Set((await apis.list(target, digest, signal))?.map((referrer) => referrer.digest));
  const unlisted = referrers.filter((referrer) => !listed.has(referrer.digest));
  if (unlisted.length === 0) return [];
  const { client, repository } = target;
  return (await addToReferrersTag(client, { repository, digest }, unlisted, signal)) ? unlisted : [];
}

/** Another process may have written the same tags meanwhile, without what is new in them. */
async function keepLinked({ target, signal }: PutRequest, linked: readonly Linked[]): Promise<void> {
  const { client, repository } = target;
  for (const { digest, added } of linked) if (added.length > 0) await keepInReferrersTag(client, { repository, digest }, added, signal);
}

const unverified = ({ client, repository }: Place, what: string): OciError => {
  const { host } = client.registry;
  return new OciError('COPY_UNVERIFIED', `${host} does not give back ${what} of ${repository} as it took it: copy again`, {
    host,
    repository,
  });
};
