import type { InspectedImage } from '@waybill/oci';
import { noProofs, type Proofs } from '../inspected.ts';
import { isCarrier, readCandidates, readCarrier, type Candidate, type Place } from './read-carriers.ts';
import { Refusal } from './refusal.ts';
import type { Trust } from './trust.ts';
import { verifyBundle } from './verify-bundle.ts';
import { verifySimpleSigning } from './verify-simple-signing.ts';

/** Finds out who signed an image, or what a signature proves of the manifest that it is attached to. */
export type Prove = (place: Place, image: InspectedImage, signal: AbortSignal) => Promise<Proofs>;

/** Where no keys and roots are configured: nobody looks, and nothing is said of signatures. */
export const proveNothing: Prove = () => Promise.resolve(noProofs);

/** Refused ones travel in events. */
const refusedMax = 50;
const reasonLengthMax = 500;

/**
 * @param nowMs Unix ms
 * @returns a function that throws OciError where the registry fails: nothing that it could not read counts as not signed
 */
export const createProve =
  (trust: Trust, nowMs: () => number): Prove =>
  (place, image, signal) =>
    prove(trust, nowMs(), place, image, signal);

async function prove(trust: Trust, verifiedAtMs: number, place: Place, image: InspectedImage, signal: AbortSignal): Promise<Proofs> {
  const isSignature = image.kind === 'artifact' && image.subject !== null && isCarrier(image);
  // A signature is not signed in turn.
  const [subject, candidates] = isSignature
    ? [image.subject, await readCarrier(place, image.digest, signal)]
    : [image.digest, await readCandidates(place, image, signal)];
  const { verified, refused } = sort(candidates, subject, trust);
  const signatures = verified.map((signature) => ({ ...signature, verifiedAtMs }));
  return {
    signatures: isSignature ? [] : signatures,
    subjectSignatures: isSignature ? signatures : [],
    refusedSignatures: refused.slice(0, refusedMax),
    trustSha256: trust.sha256,
  };
}

function sort(candidates: readonly Candidate[], digest: string, trust: Trust) {
  const [verified, refused]: [Omit<Proofs['subjectSignatures'][number], 'verifiedAtMs'>[], Proofs['refusedSignatures'][number][]] = [
    [],
    [],
  ];
  for (const candidate of candidates) {
    try {
      verified.push({ digest: candidate.carrier, ...verify(candidate, digest, trust) });
    } catch (error) {
      if (!(error instanceof Refusal)) throw error;
      refused.push({ digest: candidate.carrier, code: error.code, reason: error.message.slice(0, reasonLengthMax) });
    }
  }
  return { verified, refused };
}

function verify(candidate: Candidate, digest: string, trust: Trust) {
  switch (candidate.form) {
    case 'unread':
      throw candidate.refusal;
    case 'bundle':
      return verifyBundle(candidate.bytes, digest, trust);
    case 'simple-signing':
      return verifySimpleSigning(candidate.bytes, candidate.annotations, digest, trust);
  }
}
