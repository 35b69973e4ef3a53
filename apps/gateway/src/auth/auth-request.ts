import type { IncomingMessage } from 'node:http';
import { TLSSocket } from 'node:tls';
import type { AuthRequest, AuthScheme, ClientCertificate } from '@waybill/webhook-sources';

/** What of a request can prove something. The certificate costs a copy, so it is looked at only where the scheme asks for it. */
export const authRequestOf = ({ rawHeaders, url, socket }: IncomingMessage, { scheme }: AuthScheme, body: Buffer): AuthRequest => ({
  rawHeaders,
  url: url ?? '/',
  body,
  clientCertificate: scheme === 'mtls' ? findCertificate(socket) : null,
});

/** Null also for a certificate that no client CA of ours has issued, or that is out of its time: TLS itself lets those in. */
function findCertificate(socket: unknown): ClientCertificate | null {
  if (!(socket instanceof TLSSocket) || !socket.authorized) return null;
  const certificate = socket.getPeerX509Certificate();
  if (certificate === undefined) return null;
  const commonName = /^CN=(.+)$/m.exec(certificate.subject)?.[1] ?? null;
  return { subjectAltNames: splitNames(certificate.subjectAltName ?? ''), commonName };
}

/** Node quotes names that hold a comma, so that they cannot pass for two. */
const splitNames = (text: string): readonly string[] => text.match(/(?:[^,"]|"(?:[^"\\]|\\.)*")+/g)?.map((name) => name.trim()) ?? [];
