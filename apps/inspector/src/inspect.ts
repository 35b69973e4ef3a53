import { findAttachmentTag } from '@waybill/domain';
import { asJobError, inspectImage, OciError, type InspectedImage, type RegistryClients } from '@waybill/oci';
import { JobError, type JobAttempt } from '@waybill/stream';
import type { Inspected } from './inspected.ts';
import { proveNothing, type Prove } from './signatures/prove.ts';

/** What the job needs and what its result is reported with; `digest` is null where the sender named none. */
export type InspectPayload = {
  readonly registry: string;
  readonly repository: string;
  readonly tags: readonly string[];
  readonly digest: string | null;
  readonly pushEventId: string;
};
export type Inspect = (payload: InspectPayload, attempt: JobAttempt) => Promise<Inspected>;

/** A webhook may outrun a registry's replicas: so many tries may find nothing before that is taken for the truth. */
const notFoundAttemptsMax = 3;

/** Reads an image where it was pushed, with what is proven of it; by tag, and so as it is now, where the push named no digest. */
export const createInspect =
  (clients: RegistryClients, prove: Prove = proveNothing): Inspect =>
  async ({ registry, repository, tags, digest }, { signal, attempt }) => {
    const mayComeYet = attempt < notFoundAttemptsMax;
    try {
      const client = clients.forHost(registry);
      const reference = digest ?? tags[0] ?? 'latest';
      const image = withSubjectOf(tags, await inspectImage(client, { repository, reference }, signal));
      return { ...image, ...(await prove({ client, repository, mayComeYet }, image, signal)) };
    } catch (error) {
      if (error instanceof OciError && error.code === 'CONTENT_NOT_FOUND' && mayComeYet) {
        throw new JobError(error.code, error.message, { retry: true, cause: error });
      }
      throw asJobError(error);
    }
  };

/** What old tools attach to an image says so by its tag alone. What can be run is never an attachment. */
function withSubjectOf(tags: readonly string[], image: InspectedImage): InspectedImage {
  if (image.subject !== null || image.kind !== 'artifact') return image;
  const subject = tags.flatMap((tag) => findAttachmentTag(tag) ?? []).at(0)?.subject ?? null;
  return { ...image, subject };
}
