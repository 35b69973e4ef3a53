import { findBlobSize, openBlob } from '../blob/blob.ts';
import { mapConcurrently } from '../host/concurrent.ts';
import type { RegistryClient } from '../host/client.ts';
import { findManifestDigest, getManifest } from '../manifest/manifest.ts';
import { listReferrers } from '../referrer/referrers.ts';
import type { Named } from './manifest-reader.ts';
import { faultOf, partFault, type ImageSurvey, type PartFault } from './survey-image.ts';

export type ImageCheck = {
  readonly repository: string;
  /** What is to be there. */
  readonly expected: ImageSurvey;
  /** `head`: a blob is there, and as long as it is named. `read`: its bytes have the digest too. */
  readonly how: 'head' | 'read';
  /** Called with what was read of blobs since the last time. */
  readonly onBytes?: ((bytes: number) => void) | undefined;
};

const atOnceMax = 8;

/**
 * Looks whether a repository has all of an image: manifests byte for byte, blobs, and what refers to it.
 * @returns what it does not have; nothing where it has all
 * @throws OciError where the registry fails
 */
export async function checkImage(client: RegistryClient, check: ImageCheck, signal: AbortSignal): Promise<readonly PartFault[]> {
  const { expected } = check;
  const manifests = [...expected.manifests.values()].map(({ descriptor }) => ({ descriptor, namedBy: expected.root.descriptor.digest }));
  const place = { client, check };
  const found = [
    await mapConcurrently(manifests, atOnceMax, signal, (named, either) => checkManifest(place, named, either)),
    await mapConcurrently([...expected.blobs.values()], atOnceMax, signal, (named, either) => checkBlob(place, named, either)),
    await checkLinks(place, signal),
    await mapConcurrently(expected.digestTags, atOnceMax, signal, async ({ tag, subject, digest }, either) => {
      const there = await findManifestDigest(client, { repository: check.repository, reference: tag }, either);
      const fault = { kind: 'tag', name: tag, sizeBytes: null, namedBy: subject } as const;
      return there === digest ? [] : [{ ...fault, fault: there === undefined ? ('missing' as const) : ('digest' as const) }];
    }),
  ];
  return found.flat(2);
}

type CheckPlace = { readonly client: RegistryClient; readonly check: ImageCheck };

async function checkManifest({ client, check }: CheckPlace, named: Named, signal: AbortSignal): Promise<readonly PartFault[]> {
  const { digest, sizeBytes } = named.descriptor;
  try {
    await getManifest(client, { repository: check.repository, reference: digest, sizeBytes }, signal);
    return [];
  } catch (error) {
    return [partFault('manifest', named, faultOf(error))];
  }
}

async function checkBlob({ client, check }: CheckPlace, named: Named, signal: AbortSignal): Promise<readonly PartFault[]> {
  const query = { repository: check.repository, descriptor: named.descriptor };
  if (check.how === 'head') {
    const sizeBytes = await findBlobSize(client, query, signal);
    if (sizeBytes === named.descriptor.sizeBytes) return [];
    return [partFault('blob', named, sizeBytes === undefined ? 'missing' : 'size')];
  }
  try {
    for await (const chunk of await openBlob(client, query, signal)) check.onBytes?.((chunk as Uint8Array).byteLength);
    return [];
  } catch (error) {
    return [partFault('blob', named, faultOf(error))];
  }
}

async function checkLinks({ client, check }: CheckPlace, signal: AbortSignal): Promise<readonly (readonly PartFault[])[]> {
  const bySubject = Map.groupBy(check.expected.referrers, ({ subject }) => subject);
  return mapConcurrently([...bySubject], atOnceMax, signal, async ([subject, expected], either) => {
    const listed = await listReferrers(client, { repository: check.repository, digest: subject }, either);
    return expected
      .filter(({ descriptor }) => !listed.some(({ digest }) => digest === descriptor.digest))
      .map(({ descriptor }) => ({
        kind: 'link' as const,
        name: descriptor.digest,
        sizeBytes: descriptor.size,
        namedBy: subject,
        fault: 'missing' as const,
      }));
  });
}
