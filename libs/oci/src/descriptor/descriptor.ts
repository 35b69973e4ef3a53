import type { Digest } from '@waybill/domain';

/** What content is and how to check it (OCI image spec 1.1, "OCI Content Descriptors"). */
export type Descriptor = { readonly mediaType: string; readonly digest: Digest; readonly sizeBytes: number };

/** A descriptor that may hold its content, in base64: whoever reads that asks for nothing. See `findInlined`. */
export type InlineDescriptor = Descriptor & { readonly data?: string };

/** A descriptor as it stands in a manifest; `findDescriptorFault` says what keeps a value from being one. */
export type DescriptorDocument = {
  readonly mediaType: string;
  readonly digest: string;
  readonly size: number;
  /** The content itself, in base64; see `findInlined`. */
  readonly data?: string;
  readonly artifactType?: string;
  readonly annotations?: Readonly<Record<string, string>>;
  readonly platform?: { readonly os: string; readonly architecture: string; readonly variant?: string };
};

export const toDescriptor = ({ mediaType, digest, size }: DescriptorDocument): Descriptor => ({
  mediaType,
  digest: digest as Digest, // Checked as such where the manifest was read.
  sizeBytes: size,
});

export const toInlineDescriptor = (document: DescriptorDocument): InlineDescriptor => ({
  ...toDescriptor(document),
  ...(document.data === undefined ? {} : { data: document.data }),
});

/**
 * Attestations that BuildKit puts beside the platforms of an index; they are no platform. Told by the platform alone, which no runtime
 * chooses: the annotation that BuildKit adds may as well stand on an image that one does choose, and would keep it from being scanned.
 */
export const isAttestation = ({ platform }: DescriptorDocument): boolean =>
  platform?.os === 'unknown' && platform.architecture === 'unknown';
