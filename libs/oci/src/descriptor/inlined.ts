import { OciError } from '../host/errors.ts';
import type { InlineDescriptor } from './descriptor.ts';
import { hasDigest } from './digest.ts';

/** Configs and signatures are far smaller; what is larger is asked for like all else. */
export const inlinedBytesMax = 65_536;
const inlinedLengthMax = Math.ceil(inlinedBytesMax / 3) * 4;

/**
 * Content that lies in its own descriptor, as `data` (OCI image spec 1.1, "Properties"), checked: no request is needed for it.
 * @returns undefined where there is none, or more than {@link inlinedBytesMax}
 * @throws OciError `MANIFEST_INVALID` where it is not what the descriptor says: two readers would see two images
 */
export function findInlined(
  { digest, sizeBytes, data }: Pick<InlineDescriptor, 'digest' | 'sizeBytes' | 'data'>,
  where: { readonly host: string; readonly repository: string },
): Buffer | undefined {
  if (data === undefined || data.length > inlinedLengthMax) return undefined;
  const bytes = Buffer.from(data, 'base64');
  // Node reads over what is no base64: written again it must be the same.
  if (bytes.byteLength === sizeBytes && bytes.toString('base64') === data && hasDigest(bytes, digest)) return bytes;
  throw new OciError(
    'MANIFEST_INVALID',
    `the data in the descriptor of ${digest} in ${where.repository} is not what has that digest`,
    where,
  );
}
