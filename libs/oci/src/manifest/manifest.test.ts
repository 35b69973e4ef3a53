import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import fc from 'fast-check';
import { digestOf } from '../descriptor/digest.ts';
import { OciError } from '../host/errors.ts';
import { parseManifest } from './manifest.ts';
import { mediaTypes } from '../descriptor/media-types.ts';

const where = { host: 'r.example', repository: 'team/app' };
const descriptor = (mediaType: string) => ({ mediaType, digest: digestOf(mediaType), size: 2 });
const image = { schemaVersion: 2, config: descriptor(mediaTypes.ociConfig), layers: [descriptor(mediaTypes.ociLayerGzip)] };
const index = { schemaVersion: 2, manifests: [descriptor(mediaTypes.ociManifest)] };

const parse = (document: unknown, contentType?: string) => {
  const bytes = Buffer.from(typeof document === 'string' ? document : JSON.stringify(document));
  return parseManifest(bytes, { contentType, digest: digestOf(bytes) }, where);
};
const refusedAs = (code: string) => (error: unknown) => error instanceof OciError && error.code === code;

describe('a manifest', () => {
  it('keeps its bytes, whatever its spacing and its unknown fields', () => {
    const text = ` ${JSON.stringify({ ...image, 'x-unknown': [1] }, null, 3)}\n`;
    const parsed = parse(text, mediaTypes.ociManifest);
    assert.equal(parsed.bytes.toString(), text);
    assert.equal(parsed.descriptor.sizeBytes, Buffer.byteLength(text));
  });

  it('is an image or an index, of OCI or of Docker, by its own media type or by how it was sent', () => {
    assert.equal(parse({ ...image, mediaType: mediaTypes.ociManifest }).kind, 'manifest');
    assert.equal(parse(image, mediaTypes.dockerManifest).kind, 'manifest');
    assert.equal(parse({ ...index, mediaType: mediaTypes.ociIndex }, 'text/plain').kind, 'index');
    assert.equal(parse(index, `${mediaTypes.dockerIndex}; charset=utf-8`).kind, 'index');
  });

  it('is refused when its bytes have another digest', () =>
    assert.throws(
      () => parseManifest(Buffer.from(JSON.stringify(image)), { contentType: mediaTypes.ociManifest, digest: digestOf('x') }, where),
      refusedAs('CONTENT_DIGEST_MISMATCH'),
    ));

  it('is refused when it could be read as two things', () => {
    assert.throws(() => parse({ ...image, ...index }, mediaTypes.ociManifest), refusedAs('MANIFEST_INVALID'));
    assert.throws(() => parse({ ...image, ...index }, mediaTypes.ociIndex), refusedAs('MANIFEST_INVALID'));
    assert.throws(() => parse({ ...index, mediaType: mediaTypes.ociIndex }, mediaTypes.ociManifest), refusedAs('MANIFEST_INVALID'));
  });

  it('is refused as schema 1, with what to do', () => {
    const prettyjws = 'application/vnd.docker.distribution.manifest.v1+prettyjws';
    assert.throws(() => parse({ schemaVersion: 1, fsLayers: [] }, prettyjws), /push the image again with a current client/);
    assert.throws(() => parse({ schemaVersion: 1 }, mediaTypes.ociManifest), refusedAs('MANIFEST_UNSUPPORTED'));
    // Signed ones have the digest of what was signed.
    const signed = Buffer.from('{"schemaVersion":1,"signatures":[]}');
    const told = { contentType: prettyjws, digest: digestOf('payload') };
    assert.throws(() => parseManifest(signed, told, where), /push the image again with a current client/);
  });

  it('is refused as an artifact of the withdrawn draft, with what to do', () => {
    const artifact = { mediaType: 'application/vnd.oci.artifact.manifest.v1+json', artifactType: 'application/x', blobs: [] };
    assert.throws(() => parse(artifact, artifact.mediaType), /withdrawn draft of OCI: push it again as an OCI manifest/);
    assert.throws(() => parse(artifact), refusedAs('MANIFEST_UNSUPPORTED'));
  });

  it('may be an index of indexes, and hold content in its descriptors', () => {
    const nested = { ...index, manifests: [descriptor(mediaTypes.ociIndex), { ...descriptor(mediaTypes.ociManifest), data: 'e30=' }] };
    const { document } = parse(nested, mediaTypes.ociIndex);
    assert.deepEqual(document, nested);
  });

  it('is refused behind a byte order mark, which is no JSON, and cut short', () => {
    const text = JSON.stringify({ ...image, mediaType: mediaTypes.ociManifest });
    assert.throws(() => parse(`\u{feff}${text}`, mediaTypes.ociManifest), refusedAs('MANIFEST_INVALID'));
    assert.throws(() => parse(text.slice(0, -1), mediaTypes.ociManifest), refusedAs('MANIFEST_INVALID'));
    assert.throws(() => parse('', mediaTypes.ociManifest), refusedAs('MANIFEST_INVALID'));
  });

  it('is refused when a descriptor has no proper digest or size', () => {
    for (const broken of [{ digest: 'sha256:../../etc/passwd' }, { digest: 'md5:00' }, { size: -1 }, { size: 1.5 }, { size: '2' }]) {
      const document = { ...image, layers: [{ ...descriptor(mediaTypes.ociLayerGzip), ...broken }] };
      assert.throws(() => parse(document, mediaTypes.ociManifest), refusedAs('MANIFEST_INVALID'), JSON.stringify(broken));
    }
  });

  it('may be any bytes: they are parsed or refused as an OciError', () => {
    const anything = fc.oneof(fc.string(), fc.json(), fc.constant('['.repeat(200_000)));
    const types = fc.constantFrom(...Object.values(mediaTypes), 'text/html', '');
    fc.assert(
      fc.property(anything, types, (text, contentType) => {
        try {
          parse(text, contentType);
        } catch (error) {
          assert.ok(error instanceof OciError, String(error));
        }
      }),
      { numRuns: 300 },
    );
  });
});
