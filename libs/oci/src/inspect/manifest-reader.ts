import type { Digest } from '@waybill/domain';
import type { InlineDescriptor } from '../descriptor/descriptor.ts';
import type { RegistryClient } from '../host/client.ts';
import { mapConcurrently } from '../host/concurrent.ts';
import { OciError } from '../host/errors.ts';
import { getManifest, type Manifest } from '../manifest/manifest.ts';

/** A part of an image, and the manifest that names it. */
export type Named = { readonly descriptor: InlineDescriptor; readonly namedBy: Digest };

export type ReaderOptions = {
  readonly repository: string;
  /** What belongs to the manifests of a level and is to be read next. */
  readonly follow: (level: readonly Manifest[]) => Promise<readonly Named[]>;
  /** Told what cannot be read, and goes on unless it throws. */
  readonly onUnread: (named: Named, error: unknown) => void;
  readonly manifestsMax: number;
  readonly levelsMax: number;
};

export type ManifestReader = {
  /** Those that could be read, parents before what they name. */
  readonly manifests: ReadonlyMap<Digest, Manifest>;
  /**
   * Reads all below manifests that are known already, each once and level by level, so that what is on one is read at once.
   * @throws OciError `CONTENT_TOO_LARGE` before more is read than one image is allowed; what `onUnread` throws
   */
  readonly readBelow: (start: readonly Manifest[]) => Promise<void>;
};

const bytesTotalMax = 64 * 1_024 * 1_024;
const atOnceMax = 8;

export function createManifestReader(client: RegistryClient, options: ReaderOptions, signal: AbortSignal): ManifestReader {
  const { repository, follow, onUnread, manifestsMax, levelsMax } = options;
  const manifests = new Map<Digest, Manifest>();
  const seen = new Set<Digest>();

  const read = async (named: Named, either: AbortSignal): Promise<readonly Manifest[]> => {
    const { digest, ...told } = named.descriptor;
    try {
      return [await getManifest(client, { ...told, repository, reference: digest }, either)];
    } catch (error) {
      onUnread(named, error);
      return [];
    }
  };
  const refuseTooMany = (depth: number): void => {
    const bytesTotal = [...manifests.values()].reduce((sum, { bytes }) => sum + bytes.byteLength, 0);
    if (seen.size <= manifestsMax && bytesTotal <= bytesTotalMax && depth <= levelsMax) return;
    const [first] = manifests.keys();
    const limits = `${manifestsMax} manifests, ${levelsMax} levels, 64 MiB of them`;
    const message = `${repository}@${first} has more than an image is allowed: ${limits}`;
    throw new OciError('CONTENT_TOO_LARGE', message, { host: client.registry.host, repository });
  };
  return {
    manifests,
    async readBelow(start) {
      let level = start.filter(({ descriptor }) => !seen.has(descriptor.digest));
      for (let depth = 0; level.length > 0; depth++) {
        for (const manifest of level) {
          manifests.set(manifest.descriptor.digest, manifest);
          seen.add(manifest.descriptor.digest);
        }
        const fresh = (await follow(level)).filter(({ descriptor: { digest } }) => !seen.has(digest) && seen.add(digest));
        refuseTooMany(depth);
        level = (await mapConcurrently(fresh, atOnceMax, signal, read)).flat();
      }
    },
  };
}

export const namedIn = (manifest: Manifest, descriptors: readonly InlineDescriptor[]): readonly Named[] =>
  descriptors.map((descriptor) => ({ descriptor, namedBy: manifest.descriptor.digest }));
