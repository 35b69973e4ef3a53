import type { ImageFacts } from '@waybill/domain';
import type { InspectedImage } from '@waybill/oci';

/** What is proven of an image, and of an artifact about what it is attached to. */
export type Proofs = Pick<ImageFacts, 'signatures' | 'subjectSignatures' | 'refusedSignatures' | 'trustSha256'>;
export type Inspected = InspectedImage & Proofs;

/** Where nobody looks. */
export const noProofs: Proofs = { signatures: null, subjectSignatures: [], refusedSignatures: [], trustSha256: null };
