import type { VerifiedSignature } from '@waybill/domain';

/** Who signed: an identity that an issuer vouches for, or a key. */
export type Signer = Pick<VerifiedSignature, 'issuer' | 'subject' | 'key'>;
