import type { Require } from '../document/require.ts';
import type { SignatureFact } from '../evidence.ts';
import { PatternError } from '../pattern/pattern-error.ts';
import { compilePattern } from '../pattern/pattern.ts';
import { broken, met, shortened, unknown, type Compile, type Faults } from './answer.ts';

/** One verified signature by any of those who are named. */
export const signedBy: Compile<NonNullable<Require['signedBy']>> = (written, faults) => {
  const accepts = written.map((signer, at) => compileSigner(signer, `spec.require.signedBy.${at}`, faults));
  return {
    ask: ({ evidence: { signatures } }) => {
      if (signatures === undefined) return unknown('signatures');
      const found = signatures.find((signature) => accepts.some((accept) => accept(signature)));
      if (found) return met(`is signed by ${nameOf(found)}`);
      if (signatures.length === 0) return broken('SIGNATURE_MISSING', 'it has no signature that could be verified: sign its digest');
      const names = [...new Set(signatures.map(nameOf))].toSorted();
      return broken('SIGNER_NOT_ACCEPTED', `it is signed by ${shortened(names, ', ')}, and the policy accepts none of these`);
    },
  };
};

type Signer = NonNullable<Require['signedBy']>[number];

function compileSigner({ issuer, subject, key }: Signer, path: string, faults: Faults): (signature: SignatureFact) => boolean {
  if (key !== undefined && issuer === undefined && subject === undefined) return (signature) => 'key' in signature && signature.key === key;
  if (key !== undefined || issuer === undefined || subject === undefined) {
    faults.push(`${path} needs issuer and subject, or key alone`);
    return () => false;
  }
  try {
    const { test } = compilePattern(subject);
    return (signature) => 'issuer' in signature && signature.issuer === issuer && test(signature.subject);
  } catch (error) {
    if (!(error instanceof PatternError)) throw error;
    faults.push(`${path}.subject ${error.message}`);
    return () => false;
  }
}

const nameOf = (signature: SignatureFact): string =>
  'key' in signature ? `key ${signature.key}` : `${signature.subject} (${signature.issuer})`;
