import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { gzipSync } from 'node:zlib';
import { digestOf, mediaTypes } from '@waybill/oci';
import type { TestImage } from '@waybill/testing';
import { execa } from 'execa';

/** An image of one layer with these files, by path without a leading slash. The same files give the same digests. */
export async function imageOf(files: Readonly<Record<string, string>>, architecture = 'amd64'): Promise<TestImage> {
  const archive = await archiveOf(files);
  const layer = content(mediaTypes.ociLayerGzip, gzipSync(archive));
  const rootfs = { type: 'layers', diff_ids: [digestOf(archive)] };
  const config = content(mediaTypes.ociConfig, json({ os: 'linux', architecture, config: {}, rootfs }));
  const manifest = content(
    mediaTypes.ociManifest,
    json({ schemaVersion: 2, mediaType: mediaTypes.ociManifest, config: named(config), layers: [named(layer)] }),
  );
  return { manifest, blobs: [config, layer], platform: { os: 'linux', architecture } };
}

async function archiveOf(files: Readonly<Record<string, string>>): Promise<Buffer> {
  const directory = mkdtempSync(join(tmpdir(), 'layer-'));
  try {
    for (const [path, text] of Object.entries(files)) {
      mkdirSync(join(directory, dirname(path)), { recursive: true });
      writeFileSync(join(directory, path), text);
    }
    const reproducible = ['--sort=name', '--mtime=@0', '--owner=0', '--group=0', '--numeric-owner', '--mode=u+rwX,go+rX'];
    const { stdout } = await execa('tar', ['-C', directory, ...reproducible, '-cf', '-', '.'], { encoding: 'buffer' });
    return Buffer.from(stdout);
  } finally {
    rmSync(directory, { recursive: true });
  }
}

const json = (value: unknown): Buffer => Buffer.from(JSON.stringify(value));
const content = (mediaType: string, bytes: Buffer) => ({
  descriptor: { mediaType, digest: digestOf(bytes), sizeBytes: bytes.byteLength },
  bytes,
});
const named = ({ descriptor: { mediaType, digest, sizeBytes } }: ReturnType<typeof content>) => ({ mediaType, digest, size: sizeBytes });
