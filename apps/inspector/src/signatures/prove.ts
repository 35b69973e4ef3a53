import type { InspectedImage } from '@waybill/oci';
import { noProofs, type Proofs } from '../inspected.ts';
import { isCarrier, readCandidates, readCarrier, type Candidate, type Place } from './read-carriers.ts';
import { Refusal } from './refusal.ts';
import type { Signer } from './signer.ts';
import type { Trust } from './trust.ts';
import { verifyBundle } from './verify-bundle.ts';
import { verifySimpleSigning } from './verify-simple-signing.ts';

/** Finds out who signed an image, or what a signature proves of the manifest that it is attached to. */
export type Prove = (place: Place, image: InspectedImage, signal: AbortSignal) => Promise<Proofs>;

/** Where no keys and roots are configured: nobody looks, and nothing is said of signatures. */
export const proveNothing: Prove = () => Promise.resolve(noProofs);

/** What travels in an event. */
const verifiedMax = 100;
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
  // A signature is not signed in turn.
  const signed = image.kind === 'artifact' && isCarrier(image) ? image.subject : null;
  const judge = (candidate: Candidate): Verdict => verdictOn(candidate, signed ?? image.digest, trust);
  const verdicts =
    signed === null
      ? await readCandidates(place, image, judge, signal)
      : await readCarrier(place, { carrier: image.digest }, judge, signal);
  const verified = verdicts.flatMap((verdict) => ('code' in verdict ? [] : [{ ...verdict, verifiedAtMs }]));
  // Once for each signer: who signs every build again adds nothing.
  const bySigner = new Map(verified.map((signature) => [JSON.stringify([signature.key, signature.issuer, signature.subject]), signature]));
  const signatures = [...bySigner.values()].slice(0, verifiedMax);
  return {
    signatures: signed === null ? signatures : [],
    subjectSignatures: signed === null ? [] : signatures,
    refusedSignatures: verdicts.filter((verdict) => 'code' in verdict).slice(0, refusedMax),
    trustSha256: trust.sha256,
  };
}

type Refused = Proofs['refusedSignatures'][number];
type Verdict = Omit<Proofs['subjectSignatures'][number], 'verifiedAtMs'> | Refused;

function verdictOn(candidate: Candidate, digest: string, trust: Trust): Verdict {
  try {
    return { digest: candidate.carrier, ...verify(candidate, digest, trust) };
  } catch (error) {
    if (!(error instanceof Refusal)) throw error;
    return { digest: candidate.carrier, code: error.code, reason: error.message.slice(0, reasonLengthMax) };
  }
}

function verify(candidate: Candidate, digest: string, trust: Trust): Signer {
  switch (candidate.form) {
    case 'unread':
      throw candidate.refusal;
    case 'bundle':
      return verifyBundle(candidate.bytes, digest, trust);
    case 'simple-signing':
      return verifySimpleSigning(candidate.bytes, candidate.annotations, digest, trust);
  }
}
