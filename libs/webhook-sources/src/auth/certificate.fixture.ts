import { generateKeyPairSync, randomBytes, sign, X509Certificate, type KeyObject } from 'node:crypto';

/** A certificate with its key, made on the spot: a file in the repository would run out, or be somebody's key. */
export type Issued = { readonly certificate: X509Certificate; readonly pem: string; readonly key: KeyObject; readonly keyPem: string };
export type Wish = {
  readonly commonName: string;
  /** Left out: signs itself. */
  readonly issuer?: Issued;
  readonly isCa?: boolean;
  readonly dnsNames?: readonly string[];
  readonly uris?: readonly string[];
  /** Where its issuer's certificate is. */
  readonly caIssuers?: string;
  readonly from?: Date;
  readonly to?: Date;
};

/** X.509 v3 (RFC 5280, section 4.1) in DER (X.690), as much of it as is needed; RSA 2048 with SHA-256. */
export function issue(wish: Wish): Issued {
  const { commonName, issuer, from = new Date('2020-01-01T00:00:00Z'), to = new Date('2049-01-01T00:00:00Z') } = wish;
  const pair = generateKeyPairSync('rsa', { modulusLength: 2_048 });
  const algorithm = sequence(oid('1.2.840.113549.1.1.11'), der(0x05));
  const issuerName = issuer === undefined ? nameOf(commonName) : nameOf(/^CN=(.+)$/m.exec(issuer.certificate.subject)![1]!);
  const body = sequence(
    der(0xa0, integer(Buffer.from([2]))),
    integer(Buffer.concat([Buffer.from([1]), randomBytes(8)])),
    algorithm,
    issuerName,
    sequence(time(from), time(to)),
    nameOf(commonName),
    pair.publicKey.export({ type: 'spki', format: 'der' }),
    der(0xa3, sequence(...extensionsOf(wish))),
  );
  const signature = sign('sha256', body, issuer?.key ?? pair.privateKey);
  const certificate = new X509Certificate(sequence(body, algorithm, der(0x03, Buffer.from([0]), signature)));
  const keyPem = pair.privateKey.export({ type: 'pkcs8', format: 'pem' }).toString();
  return { certificate, pem: certificate.toString(), key: pair.privateKey, keyPem };
}

function extensionsOf({ isCa = false, dnsNames = [], uris = [], caIssuers }: Wish): readonly Buffer[] {
  const names = [...dnsNames.map((name) => der(0x82, Buffer.from(name))), ...uris.map((uri) => der(0x86, Buffer.from(uri)))];
  const extension = (id: string, value: Buffer): Buffer => sequence(oid(id), der(0x04, value));
  const constraints = sequence(...(isCa ? [der(0x01, Buffer.from([0xff]))] : []));
  return [
    extension('2.5.29.19', constraints),
    ...(names.length > 0 ? [extension('2.5.29.17', sequence(...names))] : []),
    ...(caIssuers === undefined
      ? []
      : [extension('1.3.6.1.5.5.7.1.1', sequence(sequence(oid('1.3.6.1.5.5.7.48.2'), der(0x86, Buffer.from(caIssuers)))))]),
  ];
}

function der(tag: number, ...parts: readonly Buffer[]): Buffer {
  const content = Buffer.concat(parts);
  const { length } = content;
  const size = length < 0x80 ? [length] : length < 0x100 ? [0x81, length] : [0x82, length >> 8, length & 0xff];
  return Buffer.concat([Buffer.from([tag, ...size]), content]);
}
const sequence = (...parts: readonly Buffer[]): Buffer => der(0x30, ...parts);
const integer = (bytes: Buffer): Buffer => der(0x02, bytes);
const nameOf = (commonName: string): Buffer => sequence(der(0x31, sequence(oid('2.5.4.3'), der(0x0c, Buffer.from(commonName)))));
const time = (at: Date): Buffer => der(0x17, Buffer.from(`${at.toISOString().slice(2, 19).replace(/[-T:]/g, '')}Z`));

function oid(text: string): Buffer {
  const [first, second, ...rest] = text.split('.').map(Number) as [number, number, ...number[]];
  const base128 = (value: number): readonly number[] =>
    value < 0x80 ? [value] : [...base128(Math.floor(value / 0x80)).map((digit) => digit | 0x80), value % 0x80];
  return der(0x06, Buffer.from([40 * first + second, ...rest.flatMap(base128)]));
}
