import { isDigest, type Digest } from '@waybill/domain';
import { copyTree } from './copy-image.ts';
import type { Copier, CopyReport, CopyRequest, Place } from './copy-request.ts';
import { readImageTree } from './image-tree.ts';
import { verifyCopy } from './verify-copy.ts';
import { OciError } from '../host/errors.ts';
import { findManifestDigest } from '../manifest/manifest.ts';

export type CopierOptions = {
  /** Blobs on their way to or from one host at the same time, all images together. Default: 8. */
  readonly blobsAtOnceMax?: number;
};

/**
 * Makes what copies images. One per process is enough and best: what one copy has moved the others need not.
 * Any number of copies may be asked for at once.
 */
export function createCopier(options: CopierOptions = {}): Copier {
  const { blobsAtOnceMax = 8 } = options;
  return {
    copy: async (request) => {
      const startedAtMs = performance.now();
      const source = counted(request.source);
      const target = counted(request.target);
      const { signal, reference, tag, onProgress } = request;
      const digest = isDigest(reference) ? reference : await resolve(source.place, reference, signal);
      const tree = await readImageTree(source.place.client, { repository: request.source.repository, digest }, signal);
      const bytes = tree.blobs.reduce((sum, { sizeBytes }) => sum + sizeBytes, 0);
      onProgress?.({ kind: 'planned', digest, manifests: tree.manifests.length, blobs: tree.blobs.length, bytes });
      const places = { source: source.place, target: target.place };
      const moved = await copyTree(places, tree, tag, { blobsAtOnceMax, signal, onProgress });
      const tags = [...tree.digestTags, ...(tag === undefined ? [] : [[tag, digest] as const])];
      await verifyCopy(target.place, tree, tags, signal);
      onProgress?.({ kind: 'verified' });
      const moment = isDigest(reference)
        ? digest
        : await findManifestDigest(source.place.client, { repository: request.source.repository, reference }, signal);
      return {
        source: { ...nameOf(request.source), reference },
        target: { ...nameOf(request.target), tag: tag ?? null },
        digest,
        dryRun: false,
        ...(moment === digest ? {} : { movedTo: moment ?? null }),
        ...moved,
        verified: { how: 'head', manifests: tree.manifests.length, blobs: tree.blobs.length },
        bytesSent: moved.blobs.reduce((sum, { bytesSent }) => sum + bytesSent, 0),
        requests: { source: source.count(), target: target.count() },
        durationMs: performance.now() - startedAtMs,
      } satisfies CopyReport;
    },
  };
}

const nameOf = ({ client, repository }: Place) => ({ registry: client.registry.host, repository });

function counted({ client, repository }: Place): { readonly place: Place; readonly count: () => number } {
  let requests = 0;
  const onRequest = () => void requests++;
  return { place: { client: client.ownedBy({ onRequest }), repository }, count: () => requests };
}

async function resolve({ client, repository }: Place, reference: string, signal: CopyRequest['signal']): Promise<Digest> {
  const digest = await findManifestDigest(client, { repository, reference }, signal);
  if (digest !== undefined) return digest;
  const { host } = client.registry;
  throw new OciError('CONTENT_NOT_FOUND', `${host}/${repository}:${reference} is not there, or not visible to this user`, {
    host,
    repository,
  });
}
