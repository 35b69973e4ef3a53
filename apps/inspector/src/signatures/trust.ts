import { hash } from 'node:crypto';
import { TrustedRoot } from '@sigstore/protobuf-specs';
import { toTrustMaterial, Verifier } from '@sigstore/verify';
import type { TrustedKey } from './keys.ts';

/** By what signatures are verified. */
export type Trust = {
  readonly keys: readonly TrustedKey[];
  /** Of identities; undefined where no root is trusted. */
  readonly verifier: Verifier | undefined;
  /** Over all of it: what was verified by something else is verified anew. */
  readonly sha256: string;
};

/** To be raised when other signatures count than before with the same keys and roots. */
const rulesVersion = 1;

/**
 * @param root sigstore's `trusted_root.json`
 * @throws Error where that is none, and says why
 */
export function createTrust(keys: readonly TrustedKey[], root: string | undefined): Trust {
  const ids = keys.map(({ id }) => id).toSorted();
  const sha256 = hash('sha256', JSON.stringify([rulesVersion, ids, root === undefined ? null : hash('sha256', root)]), 'hex');
  return { keys, verifier: root === undefined ? undefined : verifierOf(root), sha256 };
}

function verifierOf(text: string): Verifier {
  const root = parseRoot(text);
  const { certificateAuthorities, ctlogs, tlogs, timestampAuthorities } = root;
  if (certificateAuthorities.length === 0 || ctlogs.length === 0) throw new Error('names no certificate authority, or no CT log');
  if (tlogs.length + timestampAuthorities.length === 0) throw new Error('names neither a transparency log nor a timestamp authority');
  // An own installation may have timestamps alone. Where there is a log, a signature that it does not know is one that nobody can notice.
  return new Verifier(toTrustMaterial(root), { ctlogThreshold: 1, tlogThreshold: tlogs.length === 0 ? 0 : 1, timestampThreshold: 1 });
}

function parseRoot(text: string): TrustedRoot {
  try {
    return TrustedRoot.fromJSON(JSON.parse(text));
  } catch (cause) {
    throw new Error('is no trusted root of sigstore (trusted_root.json)', { cause });
  }
}
