import type { Digest, ImageCopied } from '@waybill/domain';
import { asJobError, copyImage, type CopyCounts, type RegistryClients } from '@waybill/oci';
import type { JobAttempt } from '@waybill/stream';

/** What is copied where, and by whose decision. The source's registry is a host, as events name it; the target's a name, as policies do. */
export type CopyPayload = Pick<ImageCopied, 'registry' | 'repository' | 'tag' | 'digest' | 'decisionEventId'> & {
  readonly target: { readonly registry: string; readonly repository: string; readonly tag: string };
};
export type CopyResult = CopyCounts & Pick<ImageCopied, 'startedAtMs' | 'finishedAtMs'>;
export type Copy = (payload: CopyPayload, attempt: JobAttempt) => Promise<CopyResult>;

/** Copies by digest: where the tag has moved on meanwhile, what was decided about is still what is copied. */
export const createCopy =
  (clients: RegistryClients, nowMs: () => number): Copy =>
  async ({ registry, repository, digest, target }, { signal }) => {
    const startedAtMs = nowMs();
    try {
      const counts = await copyImage({
        source: { client: clients.forHost(registry), repository },
        target: { client: clients.forName(target.registry), repository: target.repository },
        digest: digest as Digest, // Only digests that the gateway or a registry answer has checked are decided about.
        tag: target.tag,
        signal,
      });
      return { ...counts, startedAtMs, finishedAtMs: nowMs() };
    } catch (error) {
      throw asJobError(error);
    }
  };
