import type { AuthRequest } from './request.ts';
import { refused, type Verdict } from './verdict.ts';

/** The TLS layer has checked chain and time. Where a certificate has alternative names, its CN says nothing (RFC 9525, section 2). */
export function verifyClientCertificate(names: readonly string[], { clientCertificate }: AuthRequest): Verdict {
  if (clientCertificate === null) return refused('missing');
  const { subjectAltNames, commonName } = clientCertificate;
  const own = subjectAltNames.length > 0 ? subjectAltNames : commonName === null ? [] : [commonName];
  const by = names.find((name) => own.includes(name));
  return by === undefined ? refused('forbidden') : { ok: true, by };
}
