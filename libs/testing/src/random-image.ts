import { randomBytes } from 'node:crypto';
import { gzipSync } from 'node:zlib';
import {
  addToReferrersTag,
  digestOf,
  listReferrers,
  mediaTypes,
  putManifest,
  uploadBlob,
  type Descriptor,
  type RegistryClient,
} from '@waybill/oci';

export type TestManifest = { readonly descriptor: Descriptor; readonly bytes: Buffer };
/** An image that lies in memory, ready to be pushed. */
export type TestImage = {
  readonly manifest: TestManifest;
  readonly blobs: readonly { readonly descriptor: Descriptor; readonly bytes: Buffer }[];
  readonly platform: { readonly os: string; readonly architecture: string };
};
export type ImageOptions = {
  readonly labels?: Readonly<Record<string, string>>;
  readonly annotations?: Readonly<Record<string, string>>;
  readonly os?: string;
  readonly architecture?: string;
  readonly layersCount?: number;
  /** Random bytes in the one file of a layer. */
  readonly layerBytes?: number;
};
export type PushTarget = { readonly client: RegistryClient; readonly repository: string; readonly tag?: string };
export type Referrer = { readonly subject: Descriptor; readonly artifactType: string; readonly payload: string };

const content = (mediaType: string, bytes: Buffer) => ({
  descriptor: { mediaType, digest: digestOf(bytes), sizeBytes: bytes.byteLength },
  bytes,
});
const named = ({ mediaType, digest, sizeBytes }: Descriptor) => ({ mediaType, digest, size: sizeBytes });
const json = (value: unknown): Buffer => Buffer.from(JSON.stringify(value));

/** A small valid OCI image with random files: no two are alike. */
export function randomImage(options: ImageOptions = {}): TestImage {
  const { labels, annotations, os = 'linux', architecture = 'amd64', layersCount = 1, layerBytes = 64 } = options;
  const archives = Array.from({ length: layersCount }, (_, index) => tarOf(`data-${index}`, randomBytes(layerBytes)));
  const layers = archives.map((archive) => content(mediaTypes.ociLayerGzip, gzipSync(archive, { level: 1 })));
  const config = content(
    mediaTypes.ociConfig,
    json({
      created: new Date().toISOString(),
      os,
      architecture,
      config: { Labels: labels ?? {} },
      rootfs: { type: 'layers', diff_ids: archives.map(digestOf) },
      history: archives.map(() => ({ created_by: 'waybill testing' })),
    }),
  );
  const manifest = content(
    mediaTypes.ociManifest,
    json({
      schemaVersion: 2,
      mediaType: mediaTypes.ociManifest,
      config: named(config.descriptor),
      layers: layers.map(({ descriptor }) => named(descriptor)),
      ...(annotations ? { annotations } : {}),
    }),
  );
  return { manifest, blobs: [config, ...layers], platform: { os, architecture } };
}

/** The first block of a POSIX tar file, the file and the two blocks of zeros at the end. */
export function tarOf(name: string, bytes: Buffer): Buffer {
  const header = Buffer.alloc(512);
  const field = (text: string, offset: number): void => void header.write(text, offset, 'latin1');
  const octal = (value: number, length: number): string => `${value.toString(8).padStart(length - 1, '0')}\0`;
  field(name, 0);
  field(octal(0o644, 8) + octal(0, 8) + octal(0, 8) + octal(bytes.byteLength, 12) + octal(0, 12), 100);
  field(' '.repeat(8), 148); // The checksum is taken with spaces in its place.
  field('0', 156);
  field('ustar\x0000', 257);
  const sum = header.reduce((total, byte) => total + byte, 0);
  field(`${sum.toString(8).padStart(6, '0')}\0 `, 148);
  const padding = Buffer.alloc((512 - (bytes.byteLength % 512)) % 512);
  return Buffer.concat([header, bytes, padding, Buffer.alloc(1_024)]);
}

/** Pushes an image, by tag where the target has one, else by digest. @returns its descriptor */
export async function pushImage(target: PushTarget, image: TestImage, signal: AbortSignal = timeout()): Promise<Descriptor> {
  const { client, repository } = target;
  for (const { descriptor, bytes } of image.blobs) await uploadBlob(client, { repository, descriptor }, async () => bytes, signal);
  await putManifest(client, { repository, reference: target.tag ?? image.manifest.descriptor.digest }, image.manifest, signal);
  return image.manifest.descriptor;
}

/** Pushes the images by digest and an index over them, the way multi-platform builds do. @returns descriptor of the index */
export async function pushIndex(target: PushTarget, images: readonly TestImage[], signal: AbortSignal = timeout()): Promise<Descriptor> {
  for (const image of images) await pushImage({ client: target.client, repository: target.repository }, image, signal);
  const manifests = images.map(({ manifest, platform }) => ({ ...named(manifest.descriptor), platform }));
  const index = content(mediaTypes.ociIndex, json({ schemaVersion: 2, mediaType: mediaTypes.ociIndex, manifests }));
  const reference = target.tag ?? index.descriptor.digest;
  await putManifest(target.client, { repository: target.repository, reference }, index, signal);
  return index.descriptor;
}

/** Pushes an artifact (a signature, an SBOM) that refers to a manifest. @returns its descriptor */
export async function pushReferrer(target: PushTarget, referrer: Referrer, signal: AbortSignal = timeout()): Promise<Descriptor> {
  const { client, repository } = target;
  const empty = content(mediaTypes.ociEmpty, Buffer.from('{}'));
  const payload = content(referrer.artifactType, Buffer.from(referrer.payload));
  const manifest = content(
    mediaTypes.ociManifest,
    json({
      schemaVersion: 2,
      mediaType: mediaTypes.ociManifest,
      artifactType: referrer.artifactType,
      config: named(empty.descriptor),
      layers: [named(payload.descriptor)],
      subject: named(referrer.subject),
    }),
  );
  for (const { descriptor, bytes } of [empty, payload]) await uploadBlob(client, { repository, descriptor }, async () => bytes, signal);
  await putManifest(client, { repository, reference: manifest.descriptor.digest }, manifest, signal);
  const listed = await listReferrers(client, { repository, digest: referrer.subject.digest }, signal);
  if (!listed.some(({ digest }) => digest === manifest.descriptor.digest)) {
    const descriptor = { ...named(manifest.descriptor), artifactType: referrer.artifactType };
    await addToReferrersTag(client, { repository, digest: referrer.subject.digest }, [descriptor], signal);
  }
  return manifest.descriptor;
}

const timeout = (): AbortSignal => AbortSignal.timeout(30_000);
