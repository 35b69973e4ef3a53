import type { ImageEvidence, VerifiedSignature } from '@waybill/domain';
import type { SignatureFact } from './evidence.ts';

/** Of one image. Of more, those that come first in the order of their signers are kept, in whatever order they became known. */
const signaturesMax = 100;

/** The same signer for the same image, whatever carries it and whenever it was verified, so that one signs it once. */
const signerOf = ({ key, issuer, subject }: VerifiedSignature): string => JSON.stringify(key === null ? [key, issuer, subject] : [key]);

/** One per signer, in the order of their signers: the same in whatever order they become known. */
export function joinedSignatures(
  known: readonly VerifiedSignature[] | null,
  more: readonly VerifiedSignature[],
): readonly VerifiedSignature[] {
  const bySigner = new Map<string, VerifiedSignature>();
  for (const signature of [...(known ?? []), ...more]) {
    const signer = signerOf(signature);
    const before = bySigner.get(signer);
    if (before === undefined || before.digest > signature.digest) bySigner.set(signer, signature);
  }
  return [...bySigner]
    .toSorted(([a], [b]) => (a < b ? -1 : 1))
    .map(([, signature]) => signature)
    .slice(0, signaturesMax);
}

/** Whether what is known was verified with other keys or roots: it counts no longer once its image is read with those of today. */
export const isTrustedOtherwise = ({ trustSha256: before }: ImageEvidence, trustSha256: string | null): boolean =>
  before !== null && before !== trustSha256;

/** Who signed, as policies ask for it. */
export const signersOf = (signatures: readonly VerifiedSignature[]): readonly SignatureFact[] =>
  signatures.flatMap(({ key, issuer, subject }): readonly SignatureFact[] => {
    if (key !== null) return [{ key }];
    return issuer !== null && subject !== null ? [{ issuer, subject }] : [];
  });
