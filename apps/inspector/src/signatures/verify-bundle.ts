import { bundleFromJSON, type Bundle } from '@sigstore/bundle';
import { proveIdentity } from './identity.ts';
import { verifyByKey } from './keys.ts';
import { parseObject } from './parse-object.ts';
import { quoted, Refusal } from './refusal.ts';
import type { Signer } from './signer.ts';
import type { Trust } from './trust.ts';

const statementType = 'application/vnd.in-toto+json';
/** What cosign attests where it signs. Other predicates say something about an image, and not that somebody stands for it. */
export const signaturePredicate = 'https://sigstore.dev/cosign/sign/v1';

/**
 * A sigstore bundle that signs an image: an in-toto statement about its digest in a DSSE envelope.
 * Sources: sigstore/protobuf-specs, `sigstore_bundle.proto`; in-toto/attestation, "Statement"; secure-systems-lab/dsse, "Protocol".
 * @throws Refusal
 */
export function verifyBundle(bytes: Buffer, digest: string, trust: Trust): Signer {
  const bundle = parseBundle(bytes);
  const { content, verificationMaterial } = bundle;
  if (content.$case !== 'dsseEnvelope')
    throw new Refusal('SIGNATURE_UNSUPPORTED', 'the bundle signs bytes, not a statement: sign with a current cosign');
  const { payload, payloadType, signatures } = content.dsseEnvelope;
  const isByKey = verificationMaterial.content.$case === 'publicKey';
  // What is not proven yet is not looked into either.
  const signer = isByKey
    ? verifyByKey(trust.keys, preAuthEncoding(payloadType, payload), signatures[0]!.sig)
    : proveIdentity(trust.verifier, bundle);
  refuseOtherStatement(payloadType, payload, digest);
  return signer;
}

function parseBundle(bytes: Buffer): Bundle {
  try {
    return bundleFromJSON(parseObject(bytes));
  } catch (cause) {
    throw new Refusal('SIGNATURE_MALFORMED', 'it is no bundle of sigstore', { cause });
  }
}

/** What DSSE has signed: type and payload, each with its length, so that neither passes for the other. */
const preAuthEncoding = (type: string, payload: Buffer): Buffer =>
  Buffer.concat([Buffer.from(`DSSEv1 ${Buffer.byteLength(type)} ${type} ${payload.length} `), payload]);

function refuseOtherStatement(payloadType: string, payload: Buffer, digest: string): void {
  if (payloadType !== statementType) throw new Refusal('SIGNATURE_UNSUPPORTED', `it signs ${quoted(payloadType)}, no statement`);
  const { predicateType, subject } = parseObject(payload);
  if (predicateType !== signaturePredicate)
    throw new Refusal('SIGNATURE_UNSUPPORTED', `it attests ${quoted(String(predicateType))} and is no signature`);
  const [algorithm = '', hex] = digest.split(':');
  const isIt = (one: unknown): boolean => (one as { digest?: Record<string, unknown> } | null)?.digest?.[algorithm] === hex;
  if (!Array.isArray(subject) || !subject.some(isIt))
    throw new Refusal('SIGNATURE_OF_ANOTHER_IMAGE', 'the statement that it signs is not about this digest');
}
