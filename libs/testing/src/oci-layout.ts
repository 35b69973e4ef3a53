import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { digestOf } from '@waybill/oci';
import { randomImage, type TestImage } from './random-image.ts';

/** Writes an OCI image layout with an index of one image per architecture, for `crane push --index`. @returns digests */
export function writeIndexLayout(
  folder: string,
  architectures: readonly string[],
): { readonly index: string; readonly children: readonly string[] } {
  const images = architectures.map((architecture) =>
    randomImage({ architecture, layersCount: 2, labels: { 'org.opencontainers.image.title': 'e2e' } }),
  );
  const manifests = images.map(({ manifest, platform }) => ({ ...descriptorOf(manifest.descriptor), platform }));
  const index = Buffer.from(JSON.stringify({ schemaVersion: 2, mediaType: 'application/vnd.oci.image.index.v1+json', manifests }));
  mkdirSync(join(folder, 'blobs/sha256'), { recursive: true });
  for (const image of images)
    for (const { descriptor, bytes } of [image.manifest, ...image.blobs]) writeBlob(folder, descriptor.digest, bytes);
  writeFileSync(join(folder, 'oci-layout'), '{"imageLayoutVersion":"1.0.0"}');
  writeFileSync(join(folder, 'index.json'), index);
  return { index: digestOf(index), children: images.map((image) => image.manifest.descriptor.digest) };
}

const descriptorOf = ({ mediaType, digest, sizeBytes }: TestImage['manifest']['descriptor']) => ({ mediaType, digest, size: sizeBytes });
const writeBlob = (folder: string, digest: string, bytes: Buffer): void =>
  writeFileSync(join(folder, 'blobs', digest.replace(':', '/')), bytes);
