import { readFileSync } from 'node:fs';
import type { Server } from 'node:net';
import { Server as TlsServer } from 'node:tls';
import { ConfigError } from '@waybill/config';
import type { GatewayConfig } from '../config.ts';

export type TlsFiles = Pick<GatewayConfig, 'HTTP_TLS_CERT_FILE' | 'HTTP_TLS_KEY_FILE' | 'HTTP_TLS_CLIENT_CA_FILE'>;

export type Tls = {
  readonly cert: Buffer;
  readonly key: Buffer;
  /** Who may issue client certificates; without it there are none. */
  readonly ca?: Buffer;
};

export const tlsFilesOf = (config: TlsFiles): readonly string[] =>
  [config.HTTP_TLS_CERT_FILE, config.HTTP_TLS_KEY_FILE, config.HTTP_TLS_CLIENT_CA_FILE].filter((file) => file !== '');

/** Undefined where the gateway speaks HTTP. @throws ConfigError */
export function loadTls({ HTTP_TLS_CERT_FILE: cert, HTTP_TLS_KEY_FILE: key, HTTP_TLS_CLIENT_CA_FILE: ca }: TlsFiles): Tls | undefined {
  if (cert === '' && key === '' && ca === '') return undefined;
  if (cert === '' || key === '')
    throw new ConfigError('HTTP_TLS_CERT_FILE and HTTP_TLS_KEY_FILE belong together; set both, or no HTTP_TLS_ variable');
  return { cert: read(cert), key: read(key), ...(ca === '' ? {} : { ca: read(ca) }) };
}

function read(file: string): Buffer {
  try {
    return readFileSync(file);
  } catch (cause) {
    throw new ConfigError(`${file} cannot be read; see that it exists and may be read`, { cause });
  }
}

/** Who says nothing more holds a connection for so long. */
const handshakeTimeoutMs = 10_000;

/**
 * What the server does with it. Certificates that no client CA has issued are let in here, and are none to the endpoints: others have
 * other schemes, and a sender that is turned away by TLS is told nothing that its operator could read.
 */
export const tlsOptions = ({ cert, key, ca }: Tls) => ({
  ...{ cert, key, minVersion: 'TLSv1.2' as const, handshakeTimeout: handshakeTimeoutMs },
  ...(ca === undefined ? {} : { ca, requestCert: true, rejectUnauthorized: false }),
});

/** Lets new connections have the certificate that is there by now; one that cannot be used leaves the old one. @throws Error then */
export function renewTls(server: Server, config: TlsFiles): void {
  const tls = loadTls(config);
  if (tls !== undefined && server instanceof TlsServer) server.setSecureContext(tlsOptions(tls));
}
