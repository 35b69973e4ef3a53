import { isDigest, type Digest } from '@waybill/domain';
import { OciError } from '../host/errors.ts';
import { findManifestDigest } from '../manifest/manifest.ts';
import { createReferrersApis, findAttachments, type Attachments, type ReferrersApis } from './attachments.ts';
import { mapConcurrently } from '../host/concurrent.ts';
import type { BlobReport, Copier, CopyReport, CopyRequest, ManifestReport, Place } from './copy-request.ts';
import { createDigestTagIndex, type DigestTagIndex } from './digest-tags.ts';
import { createKnownPlaces, type KnownPlaces } from './known-places.ts';
import { createBlobMover, foreseeMove, type BlobJob, type MoveBlob } from './move-blob.ts';
import { planCopy, type CopyPlan } from './plan-copy.ts';
import { putImage, reportOf } from './put-image.ts';
import { readBack } from './read-back.ts';
import { createSlots } from './slots.ts';

export type CopierOptions = {
  /** Blobs on their way to one host at the same time, all images together. Default: 8. */
  readonly blobsAtOnceMax?: number;
  /** Images under way at the same time; the others wait, so that any number may be asked for at once. Default: 32. */
  readonly imagesAtOnceMax?: number;
};

/** Blobs of one image that are looked for, waited for or on their way. */
const blobsPerImageMax = 16;
/** What was seen at a place is not asked for again so soon: longer than images in bulk are apart, shorter than any garbage collection. */
const freshMs = 60_000;
const digestsMax = 10_000;

/** What copies share. */
type Shared = {
  readonly places: KnownPlaces;
  readonly moveBlob: MoveBlob;
  readonly digestTags: DigestTagIndex;
  readonly apis: ReferrersApis;
};

/**
 * Makes what copies images. One per process is best: what one copy has moved or found out the others need not. Any number of copies may be
 * asked for at once. It holds nothing that would have to be closed.
 *
 * The order is what makes it safe to end anywhere: blobs, then manifests with children before parents, then what is attached, and the
 * tag last; each is seen at the target before the next. A second call goes on where the first one ended.
 */
export function createCopier({ blobsAtOnceMax = 8, imagesAtOnceMax = 32 }: CopierOptions = {}): Copier {
  const nowMs = () => performance.now();
  const places = createKnownPlaces({ nowMs, freshMs, digestsMax });
  const moveBlob = createBlobMover({ places, blobsAtOnceMax });
  const shared: Shared = { places, moveBlob, digestTags: createDigestTagIndex(nowMs), apis: createReferrersApis(nowMs) };
  const images = createSlots(imagesAtOnceMax);
  return {
    async copy(request) {
      const askedAtMs = nowMs();
      const giveBack = await images.take(request, request.signal);
      try {
        return await copyImage(request, shared, askedAtMs);
      } finally {
        giveBack();
      }
    },
  };
}

/** One copy at work: its request, its two ends with its requests counted, and what it shares with the others. */
type Work = Shared & Pick<BlobJob, 'source' | 'target'> & { readonly request: CopyRequest; readonly askedAtMs: number };

async function copyImage(request: CopyRequest, shared: Shared, askedAtMs: number): Promise<CopyReport> {
  const { reference, tag, dryRun = false, verify = 'head', onProgress } = request;
  const requests = { source: 0, target: 0 };
  const ownedBy = (side: 'source' | 'target'): Place => {
    const { client, repository } = request[side];
    return { client: client.ownedBy({ onRequest: () => void requests[side]++ }), repository };
  };
  const work: Work = { ...shared, request, askedAtMs, source: ownedBy('source'), target: ownedBy('target') };
  const plan = await plannedFor(work);
  const { digest } = plan.root.descriptor;
  const bytes = plan.blobs.reduce((sum, { sizeBytes }) => sum + sizeBytes, 0);
  onProgress?.({ kind: 'planned', digest, manifests: plan.manifests.length, blobs: plan.blobs.length, bytes });
  const done = dryRun ? await foresee(plan, work) : await carryOut(plan, work);
  const isSame = dryRun || isDigest(reference) || done.manifests.every(({ outcome }) => outcome === 'present');
  const movedTo = isSame ? plan.resolved : await findManifestDigest(work.source.client, { ...work.source, reference }, request.signal);
  return {
    source: { registry: work.source.client.registry.host, repository: work.source.repository, reference },
    target: { registry: work.target.client.registry.host, repository: work.target.repository, tag: tag ?? null },
    digest,
    dryRun,
    ...(movedTo === plan.resolved ? {} : { movedTo: movedTo ?? null }),
    ...done,
    verified: dryRun ? null : { how: verify, manifests: done.manifests.length, blobs: done.blobs.length },
    bytesSent: done.blobs.reduce((sum, { bytesSent }) => sum + bytesSent, 0),
    imageBytes: plan.imageBytes ?? null,
    requests,
    durationMs: performance.now() - askedAtMs,
  };
}

async function plannedFor({ request, source, target, digestTags, apis, askedAtMs }: Work): Promise<CopyPlan> {
  const { reference, tag, platforms, referrers = true, verify = 'head', measures = false, dryRun = false, signal } = request;
  const ended = new AbortController();
  // Asked for beside the image, of which it need not know anything.
  const listed = referrers ? digestTags.find(source, askedAtMs, AbortSignal.any([signal, ended.signal])) : undefined;
  listed?.catch(() => {}); // Told to whoever waits for it; nobody does where the image is not there.
  const attachmentsOf = async (digest: Digest, either: AbortSignal): Promise<Attachments> =>
    findAttachments(source, digest, { digestTags: await listed, apis }, either);
  const trustsTarget = verify === 'head' || dryRun;
  try {
    return await planCopy({
      ...{ source, target, reference, tag, platforms, trustsTarget, measures, signal },
      attachmentsOf: referrers ? attachmentsOf : undefined,
    });
  } finally {
    ended.abort();
  }
}

type Done = Pick<CopyReport, 'manifests' | 'blobs' | 'tags'>;

async function foresee(plan: CopyPlan, { request, source, target, places }: Work): Promise<Done> {
  const { tag, signal } = request;
  const blobs = await mapConcurrently(plan.blobs, blobsPerImageMax, signal, (descriptor, either) =>
    foreseeMove({ source, target, descriptor, owner: request, signal: either }, places),
  );
  const tags = plan.digestTags.map((planned) => ({ ...planned, outcome: planned.isThere ? ('present' as const) : ('set' as const) }));
  const { descriptor, isThere } = plan.root;
  const own = tag === undefined ? [] : [{ tag, digest: descriptor.digest, outcome: isThere ? ('present' as const) : ('set' as const) }];
  return {
    manifests: plan.manifests.map((planned) => reportOf(planned, planned.isThere ? 'present' : 'copied')),
    blobs,
    tags: [...tags.map(({ tag: name, digest, outcome }) => ({ tag: name, digest, outcome })), ...own],
  };
}

async function carryOut(plan: CopyPlan, work: Work): Promise<Done> {
  try {
    return await moveAll(plan, work);
  } catch (error) {
    // What was seen there moments ago may be gone, if somebody deletes: then nothing that is remembered counts.
    if (!(error instanceof OciError && blobIsMissing.has(error.registryCode ?? ''))) throw error;
    const { client, repository } = work.target;
    for (const { digest } of plan.blobs) work.places.forget(client.registry.host, repository, digest);
    return moveAll(plan, work);
  }
}

/** OCI distribution spec 1.1, "Error Codes", and the older one of Docker's. */
const blobIsMissing: ReadonlySet<string> = new Set(['MANIFEST_BLOB_UNKNOWN', 'BLOB_UNKNOWN']);

async function moveAll(plan: CopyPlan, { request, source, target, moveBlob, apis }: Work): Promise<Done> {
  const { tag, verify, onProgress, signal } = request;
  const blobs = await mapConcurrently(plan.blobs, blobsPerImageMax, signal, async (descriptor, either): Promise<BlobReport> => {
    const { digest, sizeBytes } = descriptor;
    const onBytes = onProgress && ((bytes: number) => onProgress({ kind: 'bytes', digest, bytes, sizeBytes }));
    const blob = await moveBlob({ source, target, descriptor, owner: request, onBytes, signal: either });
    if (verify === 'read') await readBack(target, descriptor, either);
    onProgress?.({ kind: 'blob', blob });
    return blob;
  });
  const manifests: ManifestReport[] = [];
  const tags: CopyReport['tags'][number][] = [];
  await putImage(plan, {
    ...{ source, target, tag, apis, signal, looksFirst: verify === 'read' },
    onManifest(manifest) {
      manifests.push(manifest);
      onProgress?.({ kind: 'manifest', manifest });
    },
    onTag(set) {
      tags.push(set);
      onProgress?.({ kind: 'tagged', tag: set.tag, digest: set.digest });
    },
  });
  onProgress?.({ kind: 'verified' });
  return { manifests, blobs, tags };
}
