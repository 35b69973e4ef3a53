import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { findAttachmentTag } from './attachment-tag.ts';

const hex = 'a'.repeat(64);

describe('a tag that names what it is attached to', () => {
  it('is told by the digest in it', () => {
    assert.deepEqual(findAttachmentTag(`sha256-${hex}.sig`), { subject: `sha256:${hex}`, kind: 'sig' });
    assert.deepEqual(findAttachmentTag(`sha256-${hex}.att`), { subject: `sha256:${hex}`, kind: 'att' });
    assert.deepEqual(findAttachmentTag(`sha256-${hex}.sbom`), { subject: `sha256:${hex}`, kind: 'sbom' });
  });

  for (const tag of [
    'v1',
    `sha256-${hex}`,
    `sha256-${hex.slice(1)}.sig`,
    `sha256-${hex}a.sig`,
    `sha256-${hex}.sign`,
    `v1.sha256-${hex}.sig`,
  ])
    it(`is not ${tag}`, () => assert.equal(findAttachmentTag(tag), undefined));
});
