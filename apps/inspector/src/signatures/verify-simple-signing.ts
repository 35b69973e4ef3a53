import { X509Certificate } from 'node:crypto';
import { bundleFromJSON, type Bundle } from '@sigstore/bundle';
import { hash } from 'node:crypto';
import { proveIdentity } from './identity.ts';
import { verifyByKey } from './keys.ts';
import { parseObject } from './parse-object.ts';
import { Refusal } from './refusal.ts';
import type { Signer } from './signer.ts';
import type { Trust } from './trust.ts';

type Annotations = Readonly<Record<string, string>>;
const annotation = {
  signature: 'dev.cosignproject.cosign/signature',
  certificate: 'dev.sigstore.cosign/certificate',
  logged: 'dev.sigstore.cosign/bundle',
  timestamp: 'dev.sigstore.cosign/rfc3161timestamp',
} as const;
const payloadType = 'cosign container image signature';

/**
 * A signature as cosign kept it before bundles: a payload that names the digest, and all else in the annotations of its layer. The chain
 * that it may bring along is not asked for: only one that ends at a trusted root counts, and the root knows its own.
 * Sources: sigstore/cosign, `specs/SIGNATURE_SPEC.md`; containers/image, "atomic container signature" for the payload.
 * @throws Refusal
 */
export function verifySimpleSigning(payload: Buffer, annotations: Annotations, digest: string, trust: Trust): Signer {
  const signature = Buffer.from(annotations[annotation.signature] ?? '', 'base64');
  if (signature.length === 0) throw new Refusal('SIGNATURE_MALFORMED', 'its layer has no signature');
  const isByKey = annotations[annotation.certificate] === undefined;
  const signer = isByKey
    ? verifyByKey(trust.keys, payload, signature)
    : proveIdentity(trust.verifier, bundleOf(payload, signature, annotations), payload);
  const { critical } = parseObject(payload) as { critical?: Critical };
  if (critical?.type !== payloadType) throw new Refusal('SIGNATURE_UNSUPPORTED', 'its payload is not one that signs an image');
  if (critical.image?.['docker-manifest-digest'] !== digest)
    throw new Refusal('SIGNATURE_OF_ANOTHER_IMAGE', 'the payload that it signs names another digest');
  return signer;
}

type Critical = { readonly type?: unknown; readonly image?: { readonly 'docker-manifest-digest'?: unknown } } | null;

/** The same as a bundle, so that there is one way to prove an identity. */
function bundleOf(payload: Buffer, signature: Buffer, annotations: Annotations): Bundle {
  const { [annotation.certificate]: certificate = '', [annotation.logged]: logged, [annotation.timestamp]: timestamp } = annotations;
  try {
    return bundleFromJSON({
      mediaType: 'application/vnd.dev.sigstore.bundle+json;version=0.1',
      verificationMaterial: {
        x509CertificateChain: { certificates: [{ rawBytes: new X509Certificate(certificate).raw.toString('base64') }] },
        tlogEntries: logged === undefined ? [] : [entryOf(logged)],
        timestampVerificationData: { rfc3161Timestamps: timestamp === undefined ? [] : [timestampOf(timestamp)] },
      },
      messageSignature: {
        messageDigest: { algorithm: 'SHA2_256', digest: hash('sha256', payload, 'base64') },
        signature: signature.toString('base64'),
      },
    });
  } catch (cause) {
    throw new Refusal('SIGNATURE_MALFORMED', 'its certificate or its log entry cannot be read', { cause });
  }
}

function entryOf(text: string): object {
  const { SignedEntryTimestamp: promise, Payload } = parseObject(text);
  const { body, integratedTime, logIndex, logID } = Payload as Readonly<Record<string, unknown>>;
  const { kind, apiVersion } = parseObject(Buffer.from(String(body), 'base64'));
  return {
    ...{ logIndex: String(logIndex), integratedTime: String(integratedTime), canonicalizedBody: String(body) },
    logId: { keyId: Buffer.from(String(logID), 'hex').toString('base64') },
    kindVersion: { kind: String(kind), version: String(apiVersion) },
    inclusionPromise: { signedEntryTimestamp: String(promise) },
  };
}

const timestampOf = (text: string): object => ({ signedTimestamp: String(parseObject(text)['SignedRFC3161Timestamp']) });
