import { asJobError, inspectImage, OciError, type RegistryClients } from '@waybill/oci';
import { JobError, type JobAttempt } from '@waybill/stream';
import { noProofs, type Inspected } from './inspected.ts';

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

/** Reads an image where it was pushed; by tag, and so as it is now, where the push named no digest. */
export const createInspect =
  (clients: RegistryClients): Inspect =>
  async ({ registry, repository, tags, digest }, { signal, attempt }) => {
    try {
      const image = { repository, reference: digest ?? tags[0] ?? 'latest' };
      return { ...(await inspectImage(clients.forHost(registry), image, signal)), ...noProofs };
    } catch (error) {
      if (error instanceof OciError && error.code === 'CONTENT_NOT_FOUND' && attempt < notFoundAttemptsMax) {
        throw new JobError(error.code, error.message, { retry: true, cause: error });
      }
      throw asJobError(error);
    }
  };
