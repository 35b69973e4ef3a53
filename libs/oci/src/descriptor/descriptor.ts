import type { Digest } from '@waybill/domain';
import { Type, type Static } from 'typebox';

/** What content is and how to check it (OCI image spec 1.1, "OCI Content Descriptors"). */
export type Descriptor = { readonly mediaType: string; readonly digest: Digest; readonly sizeBytes: number };

const text = Type.String({ maxLength: 4_096 });
export const annotationsSchema = Type.Record(Type.String(), Type.String());

export const descriptorSchema = Type.Object({
  mediaType: Type.String({ minLength: 1, maxLength: 255 }),
  digest: Type.String({ pattern: '^(?:sha256:[a-f0-9]{64}|sha512:[a-f0-9]{128})$' }),
  size: Type.Integer({ minimum: 0, maximum: Number.MAX_SAFE_INTEGER }),
  /** The content itself, in base64; see `findInlined`. */
  data: Type.Optional(Type.String()),
  artifactType: Type.Optional(Type.String({ maxLength: 255 })),
  annotations: Type.Optional(annotationsSchema),
  platform: Type.Optional(Type.Object({ os: text, architecture: text, variant: Type.Optional(text) })),
});
/** A descriptor as it stands in a manifest. */
export type DescriptorDocument = Static<typeof descriptorSchema>;

export const toDescriptor = ({ mediaType, digest, size }: DescriptorDocument): Descriptor => ({
  mediaType,
  digest: digest as Digest, // The schema's pattern is the one of the vocabulary.
  sizeBytes: size,
});

/**
 * Attestations that BuildKit puts beside the platforms of an index; they are no platform. Told by the platform alone, which no runtime
 * chooses: the annotation that BuildKit adds may as well stand on an image that one does choose, and would keep it from being scanned.
 */
export const isAttestation = ({ platform }: DescriptorDocument): boolean =>
  platform?.os === 'unknown' && platform.architecture === 'unknown';
