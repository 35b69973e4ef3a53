import type { X509Certificate } from 'node:crypto';

/** More than any public CA has between a server and its root. */
const chainLengthMax = 6;

export type Chain =
  | { readonly kind: 'trusted' }
  /** Out of its time, not for the host, or signed by somebody who may not. */
  | { readonly kind: 'refused' }
  /** Nobody here has issued `last`; who has, it says itself. */
  | { readonly kind: 'incomplete'; readonly last: X509Certificate };

/**
 * Whether `leaf` is for one of `hosts`, in its time, and issued through `intermediates` by one of `roots` (RFC 5280, section 6, without
 * policies, name constraints and revocation).
 */
export function checkChain(
  leaf: X509Certificate,
  {
    intermediates,
    roots,
    hosts,
    nowMs,
  }: {
    readonly intermediates: readonly X509Certificate[];
    readonly roots: readonly X509Certificate[];
    readonly hosts: readonly string[];
    readonly nowMs: number;
  },
): Chain {
  if (!hosts.some((host) => leaf.checkHost(host) !== undefined)) return { kind: 'refused' };
  let last = leaf;
  for (let length = 1; length <= chainLengthMax; length++) {
    if (!isInTime(last, nowMs)) return { kind: 'refused' };
    if (roots.some((root) => root.ca && isInTime(root, nowMs) && isIssuedBy(last, root))) return { kind: 'trusted' };
    const issuer = intermediates.find((one) => one.ca && one.fingerprint256 !== last.fingerprint256 && isIssuedBy(last, one));
    if (issuer === undefined) return { kind: 'incomplete', last };
    last = issuer;
  }
  return { kind: 'refused' };
}

const isInTime = ({ validFromDate, validToDate }: X509Certificate, nowMs: number): boolean =>
  validFromDate.getTime() <= nowMs && nowMs < validToDate.getTime();

const isIssuedBy = (certificate: X509Certificate, issuer: X509Certificate): boolean =>
  certificate.checkIssued(issuer) && certificate.verify(issuer.publicKey);
