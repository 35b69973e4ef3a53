import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { findImageFault, findIndexFault } from './manifest-document.ts';

const digest = `sha256:${'a'.repeat(64)}`;
const descriptor = { mediaType: 'x', digest, size: 1 };
const image = { schemaVersion: 2, config: descriptor, layers: [descriptor] };
const index = { schemaVersion: 2, manifests: [{ ...descriptor, platform: { os: 'linux', architecture: 'arm', variant: 'v7' } }] };

describe('a manifest', () => {
  it('is one with all that it may say, and with what nobody knows', () => {
    const more = { mediaType: 'm', artifactType: 'a', subject: descriptor, annotations: { a: 'b' }, unknown: [1] };
    assert.equal(findImageFault({ ...image, ...more, layers: [] }), undefined);
    assert.equal(
      findIndexFault({ ...index, ...more, manifests: [{ ...descriptor, data: 'e30=', artifactType: 'a', urls: [] }] }),
      undefined,
    );
  });

  const layerWith = (changes: object) => ({ ...image, layers: [descriptor, { ...descriptor, ...changes }] });
  for (const [document, fault] of [
    [null, ''],
    [[], ''],
    ['{}', ''],
    [{ ...image, schemaVersion: '2' }, '/schemaVersion'],
    [{ ...image, mediaType: 1 }, '/mediaType'],
    [{ ...image, artifactType: 'a'.repeat(256) }, '/artifactType'],
    [{ ...image, annotations: { a: 1 } }, '/annotations'],
    [{ ...image, annotations: [] }, '/annotations'],
    [{ ...image, annotations: null }, '/annotations'],
    [{ ...image, subject: null }, '/subject'],
    [{ ...image, config: undefined }, '/config'],
    [{ ...image, config: [descriptor] }, '/config'],
    [{ ...image, layers: { length: 0 } }, '/layers'],
    [{ ...image, manifests: [] }, '/manifests'],
    [layerWith({ mediaType: '' }), '/layers/1/mediaType'],
    [layerWith({ digest: `sha256:${'A'.repeat(64)}` }), '/layers/1/digest'],
    [layerWith({ digest: `sha512:${'a'.repeat(64)}` }), '/layers/1/digest'],
    [layerWith({ size: -1 }), '/layers/1/size'],
    [layerWith({ size: 1.5 }), '/layers/1/size'],
    [layerWith({ size: 2 ** 53 }), '/layers/1/size'],
    [layerWith({ size: '1' }), '/layers/1/size'],
    [layerWith({ data: 1 }), '/layers/1/data'],
    [layerWith({ annotations: { a: null } }), '/layers/1/annotations'],
    [layerWith({ platform: { os: 'linux' } }), '/layers/1/platform'],
    [layerWith({ platform: { os: 'linux', architecture: 'arm', variant: 7 } }), '/layers/1/platform'],
  ] as const)
    it(`is none with ${JSON.stringify(document)?.slice(0, 80)}: ${fault}`, () => assert.equal(findImageFault(document), fault));

  it('is an image or an index, never both', () => {
    assert.equal(findIndexFault({ ...index, config: descriptor }), '/config');
    assert.equal(findIndexFault({ ...index, layers: [] }), '/layers');
    assert.equal(findIndexFault(image), '/config');
    assert.equal(findImageFault(index), '/manifests');
    assert.equal(findIndexFault({ schemaVersion: 2 }), '/manifests');
  });
});
