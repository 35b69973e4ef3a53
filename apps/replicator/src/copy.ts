import type { ImageCopied, Target } from '@waybill/domain';
import { asJobError, type Copier, type CopyReport, type RegistryClients } from '@waybill/oci';
import type { JobAttempt } from '@waybill/stream';

/** What is copied where, and by whose decision. The source's registry is a host, as events name it; the target's a name, as policies do. */
export type CopyPayload = Pick<ImageCopied, 'registry' | 'repository' | 'tag' | 'digest' | 'decisionEventId'> & {
  /** Jobs of earlier versions say no platforms: they mean all. */
  readonly target: Pick<Target, 'registry' | 'repository' | 'tag'> & Partial<Pick<Target, 'platforms'>>;
};
type CopyCounts = Pick<ImageCopied, 'manifestsCopied' | 'blobsCopied' | 'blobsSkipped' | 'referrersCopied' | 'bytesCopied' | 'verified'>;
export type CopyResult = CopyCounts & Pick<ImageCopied, 'startedAtMs' | 'finishedAtMs' | 'imageBytes'> & { readonly copiedDigest: string };
export type Copy = (payload: CopyPayload, attempt: JobAttempt) => Promise<CopyResult>;

/** Copies by digest: where the tag has moved on meanwhile, what was decided about is still what is copied. */
export const createCopy =
  (copier: Copier, clients: RegistryClients, nowMs: () => number): Copy =>
  async ({ registry, repository, digest, target }, { signal }) => {
    const { platforms = [] } = target;
    const startedAtMs = nowMs();
    try {
      const report = await copier.copy({
        source: { client: clients.forHost(registry), repository },
        target: { client: clients.forName(target.registry), repository: target.repository },
        reference: digest,
        tag: target.tag,
        platforms: platforms.length === 0 ? undefined : platforms,
        measures: true,
        signal,
      });
      return { ...countsOf(report), copiedDigest: report.digest, imageBytes: report.imageBytes, startedAtMs, finishedAtMs: nowMs() };
    } catch (error) {
      throw asJobError(error);
    }
  };

function countsOf({ manifests, blobs, bytesSent, verified }: CopyReport): CopyCounts {
  const copied = manifests.filter(({ outcome }) => outcome === 'copied');
  const blobsSkipped = blobs.filter(({ outcome }) => outcome === 'present').length;
  return {
    manifestsCopied: copied.length,
    referrersCopied: copied.filter(({ refers }) => refers).length,
    blobsCopied: blobs.length - blobsSkipped,
    blobsSkipped,
    bytesCopied: bytesSent,
    verified: verified !== null,
  };
}
