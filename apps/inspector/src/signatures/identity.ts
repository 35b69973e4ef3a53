import { X509Certificate } from 'node:crypto';
import type { Bundle } from '@sigstore/bundle';
import { toSignedEntity, VerificationError, type Verifier } from '@sigstore/verify';
import { quoted, Refusal, type RefusalCode } from './refusal.ts';
import type { Signer } from './signer.ts';

/** Each is verified, and a stranger says how many there are. */
const bounds = { entriesMax: 8, timestampsMax: 8, hashesMax: 64, certificateBytesMax: 32 * 1_024, nameLengthMax: 1_024 };
const codeSigning = '1.3.6.1.5.5.7.3.3';

/**
 * Whose short-lived certificate made a signature: it chains to a trusted authority, a CT log knows it, it was valid at a time that the
 * transparency log or a timestamp authority vouches for, and the log's entry is of this signature. All offline.
 * @param signed what a bundle without an envelope is of
 * @throws Refusal
 */
export function proveIdentity(verifier: Verifier | undefined, bundle: Bundle, signed?: Buffer): Signer {
  if (verifier === undefined) throw new Refusal('SIGNATURE_ROOT_MISSING', 'it is by an identity: set SIGNATURE_TRUSTED_ROOT_FILE');
  refuseTooMuch(bundle);
  refuseOtherUse(bundle);
  try {
    const { identity } = verifier.verify(toSignedEntity(bundle, signed));
    return { issuer: named(identity?.extensions?.issuer), subject: named(identity?.subjectAlternativeName), key: null };
  } catch (error) {
    if (error instanceof Refusal) throw error;
    if (!(error instanceof VerificationError)) throw new Refusal('SIGNATURE_MALFORMED', 'its proof cannot be read', { cause: error });
    throw new Refusal(codeOf(error.code), `${error.code}: ${quoted(error.message)}`, { cause: error });
  }
}

const codesByPrefix: readonly (readonly [prefix: string, code: RefusalCode])[] = [
  ['CERTIFICATE', 'SIGNATURE_CERTIFICATE_REFUSED'],
  ['TLOG', 'SIGNATURE_NOT_LOGGED'],
  ['TIMESTAMP', 'SIGNATURE_TIME_UNPROVEN'],
];

const codeOf = (code: string): RefusalCode => codesByPrefix.find(([prefix]) => code.startsWith(prefix))?.[1] ?? 'SIGNATURE_INVALID';

function refuseTooMuch({ verificationMaterial: { tlogEntries, timestampVerificationData } }: Bundle): void {
  const hashes = Math.max(0, ...tlogEntries.map(({ inclusionProof }) => inclusionProof?.hashes.length ?? 0));
  const timestamps = timestampVerificationData?.rfc3161Timestamps.length ?? 0;
  if (tlogEntries.length > bounds.entriesMax || timestamps > bounds.timestampsMax || hashes > bounds.hashesMax)
    throw new Refusal('SIGNATURE_MALFORMED', 'it has more log entries, timestamps or hashes than any signature needs');
}

/** A certificate for servers, say, of the same authority. The verifier does not ask what its authority gave it for. */
function refuseOtherUse({ verificationMaterial: { content } }: Bundle): void {
  const certificate =
    content.$case === 'certificate'
      ? content.certificate
      : content.$case === 'x509CertificateChain'
        ? content.x509CertificateChain.certificates[0]
        : undefined;
  const bytes = certificate?.rawBytes ?? Buffer.alloc(0);
  if (bytes.length > bounds.certificateBytesMax) throw new Refusal('SIGNATURE_MALFORMED', 'its certificate is too large');
  if (!usesOf(bytes).includes(codeSigning))
    throw new Refusal('SIGNATURE_CERTIFICATE_REFUSED', 'its certificate is not one for signing code');
}

function usesOf(certificate: Buffer): readonly string[] {
  try {
    return new X509Certificate(certificate).keyUsage ?? [];
  } catch (cause) {
    throw new Refusal('SIGNATURE_MALFORMED', 'its certificate cannot be read', { cause });
  }
}

function named(name: string | undefined): string {
  if (name === undefined || name === '') throw new Refusal('SIGNATURE_CERTIFICATE_REFUSED', 'its certificate names no issuer, or nobody');
  if (name.length > bounds.nameLengthMax || /\p{Cc}/u.test(name))
    throw new Refusal('SIGNATURE_CERTIFICATE_REFUSED', `its certificate has a name that cannot be used: ${quoted(name)}`);
  return name;
}
