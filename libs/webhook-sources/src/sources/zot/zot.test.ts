import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { digest, readerOf } from '../reading.fixture.ts';

const { eventOf, pushOf, reasonOf } = readerOf('zot');

const around = (type: string, more: object = {}) => ({
  headers: {
    'ce-specversion': '1.0',
    'ce-id': 'e1',
    'ce-source': 'zotregistry.dev',
    'ce-type': type,
    'ce-time': '2026-06-10T08:00:00.123456789Z',
    ...more,
  },
  settings: { registryHost: 'zot.example' },
});
const updated = around('zotregistry.image.updated');
const image = { name: 'space/app', reference: 'v1', digest, mediaType: 'application/vnd.oci.image.manifest.v1+json' };

describe('an event', () => {
  it('is told by the end of its type, for what stands before it can be configured', () => {
    for (const type of ['zotregistry.image.updated', 'com.example.zot.image.updated', 'image.updated'])
      assert.equal(eventOf(image, around(type)).type, 'ImagePushed');
    assert.equal(eventOf(image, around('zotregistry.image.deleted')).type, 'ImageDeleted');
  });
  it('of a refused push looks like a push and is none', () => {
    assert.equal(reasonOf(image, around('zotregistry.image.lint_failed')), 'ignored: NOT_A_PUSH');
    assert.equal(reasonOf(image, around('zotregistry.image.scanned')), 'ignored: NOT_ABOUT_IMAGES');
    assert.equal(reasonOf({ name: 'space/app' }, around('zotregistry.repository.created')), 'ignored: NOT_ABOUT_IMAGES');
    assert.equal(reasonOf(image, around('zotregistry.image.exploded')), 'malformed: EVENT_UNKNOWN');
  });
  it('without the attributes of a CloudEvent, or without host, gets parked', () => {
    assert.equal(reasonOf(image), 'malformed: FIELD_MISSING');
    assert.equal(reasonOf(image, { ...updated, headers: { ...updated.headers, 'ce-id': '' } }), 'malformed: FIELD_MISSING');
    assert.equal(reasonOf(image, { headers: updated.headers }), 'malformed: REGISTRY_MISSING');
  });
  it('may come as one JSON document too', () => {
    const event = { specversion: '1.0', id: 'e1', source: 'zotregistry.dev', type: 'zotregistry.image.updated', data: image };
    assert.deepEqual(pushOf(event, { settings: updated.settings }).tags, ['v1']);
  });
});

describe('an image', () => {
  it('by digest has no tag, and its reference is the digest where none is told', () => {
    for (const told of [digest, undefined]) {
      const { tags, digest: found } = pushOf({ ...image, reference: digest, digest: told }, updated);
      assert.deepEqual([tags, found], [[], digest]);
    }
    assert.equal(reasonOf({ name: 'space/app' }, updated), 'malformed: FIELD_MISSING');
  });
  it('has the size of its manifest in bytes, and the kind that its config says', () => {
    const manifest = (config: string) => JSON.stringify({ config: { mediaType: config }, annotations: { by: 'Ü' } });
    const text = manifest('application/vnd.oci.image.config.v1+json');
    const { sizeBytes, artifactKind } = pushOf({ ...image, manifest: text }, updated);
    assert.deepEqual([sizeBytes, artifactKind], [text.length + 1, 'image']);
    assert.equal(reasonOf({ ...image, manifest: manifest('application/vnd.cncf.helm.config.v1+json') }, updated), 'ignored: HELM_CHART');
    const signature = JSON.stringify({ artifactType: 'application/vnd.cncf.notary.signature' });
    assert.equal(pushOf({ ...image, manifest: signature }, updated).artifactKind, 'signature');
    for (const broken of ['', '{', '['.repeat(99), 7])
      assert.equal(pushOf({ ...image, manifest: broken }, updated).artifactKind, 'unknown');
  });
  it('that loses a tag keeps its manifest; deleted by digest it is gone', () => {
    const gone = (reference: string) => eventOf({ ...image, reference }, around('zotregistry.image.deleted')).data;
    assert.deepEqual([gone('v1').tags, gone('v1').digest], [['v1'], null]);
    assert.deepEqual([gone(digest).tags, gone(digest).digest], [[], digest]);
  });
});
