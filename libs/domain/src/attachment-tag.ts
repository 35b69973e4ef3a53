import { isDigest, type Digest } from './vocabulary.ts';

/** What cosign before version 3 attaches to a manifest, under a tag that names it (sigstore/cosign, SIGNATURE_SPEC.md, "Discovery"). */
export type AttachmentTag = { readonly subject: Digest; readonly kind: 'sig' | 'att' | 'sbom' };

const pattern = /^(sha256|sha512)-([a-f0-9]+)\.(sig|att|sbom)$/;

/** What a tag says that it is attached to; undefined where it is a name like any other. */
export function findAttachmentTag(tag: string): AttachmentTag | undefined {
  const [, algorithm, hex, kind] = pattern.exec(tag) ?? [];
  const subject = `${algorithm}:${hex}`;
  return isDigest(subject) ? { subject, kind: kind as AttachmentTag['kind'] } : undefined;
}
