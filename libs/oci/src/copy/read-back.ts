import { openBlob } from '../blob/blob.ts';
import type { Descriptor } from '../descriptor/descriptor.ts';
import { contentFaultOf, OciError } from '../host/errors.ts';
import type { Place } from './copy-request.ts';

/**
 * Reads a blob to its end and checks its size and digest.
 * @throws OciError, `COPY_UNVERIFIED` when it has others, or is not there
 */
export async function readBack({ client, repository }: Place, descriptor: Descriptor, signal: AbortSignal): Promise<void> {
  try {
    const stream = await openBlob(client, { repository, descriptor }, signal);
    for await (const _ of stream) continue;
  } catch (error) {
    if (!(error instanceof OciError) || contentFaultOf(error) === undefined) throw error;
    const { host } = client.registry;
    const message = `${host} does not give back blob ${descriptor.digest} of ${repository}: ${error.message}`;
    throw new OciError('COPY_UNVERIFIED', message, { host, repository, cause: error });
  }
}
