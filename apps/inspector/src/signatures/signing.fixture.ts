import { createHash, generateKeyPairSync, hash, sign, type KeyObject } from 'node:crypto';
import { initializeCA, initializeCTLog, initializeTLog, initializeTSA } from '@sigstore/mock';
import { HashAlgorithm, PublicKeyDetails, TrustedRoot } from '@sigstore/protobuf-specs';
import { parsePublicKey } from './keys.ts';
import { signaturePredicate } from './verify-bundle.ts';

export const digestOf = (letter: string): string => `sha256:${letter.repeat(64)}`;

export type SigningKey = { readonly privateKey: KeyObject; readonly pem: string };

export function newKey(namedCurve = 'prime256v1'): SigningKey {
  const { privateKey, publicKey } = generateKeyPairSync('ec', { namedCurve });
  return { privateKey, pem: publicKey.export({ type: 'spki', format: 'pem' }).toString() };
}
export const trusted = ({ pem }: SigningKey) => parsePublicKey(pem);

const base64 = (bytes: Uint8Array | string): string => Buffer.from(bytes).toString('base64');
const pemOf = (der: Uint8Array): string => `-----BEGIN CERTIFICATE-----\n${base64(der)}\n-----END CERTIFICATE-----\n`;

/** What cosign signs in its older form. */
export const payloadOf = (digest: string, type = 'cosign container image signature'): Buffer =>
  Buffer.from(JSON.stringify({ critical: { identity: {}, image: { 'docker-manifest-digest': digest }, type }, optional: null }));

export type SimpleSigning = { readonly payload: Buffer; readonly annotations: Readonly<Record<string, string>> };
export function signSimply({ privateKey }: SigningKey, payload: Buffer, algorithm = 'sha256'): SimpleSigning {
  return { payload, annotations: { 'dev.cosignproject.cosign/signature': base64(sign(algorithm, payload, privateKey)) } };
}

export type Statement = { readonly predicateType?: string; readonly payloadType?: string };
type Envelope = { readonly payload: string; readonly payloadType: string; readonly signatures: readonly { readonly sig: string }[] };

/** A statement about a digest in an envelope, signed by what is given. */
export function envelopeOf(digest: string, sign: (bytes: Buffer) => Buffer, statement: Statement = {}): Envelope {
  const { predicateType = signaturePredicate, payloadType = 'application/vnd.in-toto+json' } = statement;
  const [algorithm = '', hex] = digest.split(':');
  const subject = [{ digest: { [algorithm]: hex } }];
  const payload = Buffer.from(JSON.stringify({ _type: 'https://in-toto.io/Statement/v1', subject, predicateType, predicate: {} }));
  const encoded = Buffer.concat([Buffer.from(`DSSEv1 ${payloadType.length} ${payloadType} ${payload.length} `), payload]);
  return { payload: base64(payload), payloadType, signatures: [{ sig: base64(sign(encoded)) }] };
}

export const bundleType = 'application/vnd.dev.sigstore.bundle.v0.3+json';
export const bundleOf = (verificationMaterial: object, dsseEnvelope: Envelope): Buffer =>
  Buffer.from(JSON.stringify({ mediaType: bundleType, verificationMaterial, dsseEnvelope }));

export const bundleByKey = ({ privateKey }: SigningKey, digest: string, statement: Statement = {}): Buffer =>
  bundleOf(
    { publicKey: { hint: '' } },
    envelopeOf(digest, (bytes) => sign('sha256', bytes, privateKey), statement),
  );

export type Identity = { readonly subject?: string; readonly issuer?: string; readonly isKnownToCtLog?: boolean; readonly loggedAt?: Date };
export const ci = { subject: 'https://git.test/shop/build.yml@refs/heads/main', issuer: 'https://ci.test' } as const;

const logUrl = 'https://log.test';

const newPair = () => generateKeyPairSync('ec', { namedCurve: 'prime256v1' });
const spkiOf = (key: KeyObject) => key.export({ type: 'spki', format: 'der' });

/** Gives out certificates for ten minutes, and tells a CT log of them unless it is not to. */
async function startAuthority() {
  const [keys, ctLog] = [newPair(), await initializeCTLog(newPair())];
  const [open, silent] = [await initializeCA(keys, ctLog), await initializeCA(keys)];
  const certify = async (
    publicKey: KeyObject,
    { subject = ci.subject, issuer = ci.issuer, isKnownToCtLog = true }: Identity,
  ): Promise<Buffer> => {
    const extensions = [{ oid: '1.3.6.1.4.1.57264.1.8', value: issuer }];
    const asked = { publicKey: spkiOf(publicKey), subjectAltName: subject, extensions };
    return Buffer.from((await (isKnownToCtLog ? open : silent).issueCertificate(asked)).buffer);
  };
  return { certificate: Buffer.from(open.rootCertificate.buffer), ctLog, certify };
}

function startLog() {
  const keys = newPair();
  const log = async (entry: object, at?: Date): Promise<Logged> => {
    // Its types lack a package that is not installed.
    const opened = (await initializeTLog(logUrl, keys, at)) as {
      readonly log: (entry: object) => Promise<Readonly<Record<string, Logged>>>;
    };
    return Object.values(await opened.log(entry))[0]!;
  };
  return { logKey: spkiOf(keys.publicKey), log };
}

async function startStamps() {
  const clock = new Date();
  const stamps = await initializeTSA(newPair(), clock);
  const stamp = async (signature: Buffer): Promise<string> => {
    const artifactHash = createHash('sha256').update(signature).digest();
    // In whole seconds: it writes fractions with as many digits as they have, and readers want three.
    clock.setTime(Math.ceil(Date.now() / 1_000) * 1_000);
    const request = { artifactHash, hashAlgorithmOID: '2.16.840.1.101.3.4.2.1', nonce: 1, policyOID: '1.2.3' };
    return base64(Buffer.from((await stamps.timestamp(request)).buffer));
  };
  return { stamping: [stamps.intCertificate, stamps.rootCertificate].map(({ buffer }) => Buffer.from(buffer)), stamp };
}

/** An authority, a CT log, a transparency log and a timestamp authority of their own, without a network. */
export async function startSigstore() {
  const { certificate, ctLog, certify } = await startAuthority();
  const { logKey, log } = startLog();
  const { stamping, stamp } = await startStamps();
  const signed = async (digest: string, identity: Identity, statement: Statement = {}) => {
    const { privateKey, publicKey } = newPair();
    const rawBytes = base64(await certify(publicKey, identity));
    return { rawBytes, envelope: envelopeOf(digest, (bytes) => sign('sha256', bytes, privateKey), statement) };
  };
  const documentOf = (envelope: Envelope, verificationMaterial: BundleDocument['verificationMaterial']): BundleDocument => ({
    ...{ mediaType: bundleType, verificationMaterial, dsseEnvelope: envelope },
  });

  return {
    root: rootOf(certificate, ctLog, { logKey }),
    /** Of an installation that has timestamps in place of a log. */
    stampingRoot: rootOf(certificate, ctLog, { stamping }),
    strictRoot: rootOf(certificate, ctLog, { logKey, stamping }),

    /** A bundle without a log entry, of which a timestamp authority says when it was made. */
    stamped: async (digest: string): Promise<BundleDocument> => {
      const { rawBytes, envelope } = await signed(digest, {});
      const signedTimestamp = await stamp(Buffer.from(envelope.signatures[0]!.sig, 'base64'));
      const timestampVerificationData = { rfc3161Timestamps: [{ signedTimestamp }] };
      return documentOf(envelope, { certificate: { rawBytes }, tlogEntries: [], timestampVerificationData });
    },

    /** A bundle as cosign makes it. */
    bundle: async (digest: string, identity: Identity = {}, statement: Statement = {}): Promise<BundleDocument> => {
      const { rawBytes, envelope } = await signed(digest, identity, statement);
      const entry = await log(dsseEntry(envelope), identity.loggedAt);
      return documentOf(envelope, { certificate: { rawBytes }, tlogEntries: [tlogEntryOf(entry)] });
    },

    /** The older form. */
    simply: async (digest: string, identity: Identity = {}): Promise<SimpleSigning> => {
      const [{ privateKey, publicKey }, payload] = [newPair(), payloadOf(digest)];
      const own = await certify(publicKey, identity); // Before it is logged: it is not valid earlier.
      const signature = base64(sign('sha256', payload, privateKey));
      const { body, integratedTime, logIndex, logID, verification } = await log(rekordEntry(payload, signature), identity.loggedAt);
      const logged = { SignedEntryTimestamp: verification.signedEntryTimestamp, Payload: { body, integratedTime, logIndex, logID } };
      const annotations = {
        'dev.cosignproject.cosign/signature': signature,
        'dev.sigstore.cosign/certificate': pemOf(own),
        'dev.sigstore.cosign/bundle': JSON.stringify(logged),
      };
      return { payload, annotations };
    },
  };
}
export type Sigstore = Awaited<ReturnType<typeof startSigstore>>;

export type BundleDocument = {
  readonly mediaType: string;
  readonly verificationMaterial: {
    readonly certificate: { readonly rawBytes: string };
    readonly tlogEntries: readonly object[];
    readonly timestampVerificationData?: object;
  };
  readonly dsseEnvelope: Envelope;
};
export const bytesOf = (document: object): Buffer => Buffer.from(JSON.stringify(document));

type Witnesses = { readonly logKey?: Buffer; readonly stamping?: readonly Buffer[] };
function rootOf(certificate: Buffer, ctLog: { readonly publicKey: Buffer }, { logKey, stamping }: Witnesses): string {
  const validFor = { start: new Date(0), end: undefined };
  const logOf = (baseUrl: string, rawBytes: Buffer) => ({
    ...{ baseUrl, hashAlgorithm: HashAlgorithm.SHA2_256, checkpointKeyId: undefined, operator: '' },
    logId: { keyId: createHash('sha256').update(rawBytes).digest() },
    publicKey: { rawBytes, keyDetails: PublicKeyDetails.PKIX_ECDSA_P256_SHA_256, validFor },
  });
  const authorityOf = (chain: readonly Buffer[]) => ({
    ...{ uri: '', operator: '', subject: undefined, validFor },
    certChain: { certificates: chain.map((rawBytes) => ({ rawBytes })) },
  });
  const root = TrustedRoot.toJSON({
    mediaType: 'application/vnd.dev.sigstore.trustedroot+json;version=0.1',
    certificateAuthorities: [authorityOf([certificate])],
    ctlogs: [logOf('https://ct.test', ctLog.publicKey)],
    tlogs: logKey ? [logOf(logUrl, logKey)] : [],
    timestampAuthorities: stamping ? [authorityOf(stamping)] : [],
  });
  return JSON.stringify(root);
}

const dsseEntry = ({ payload, signatures }: Envelope): object => ({
  apiVersion: '0.0.1',
  kind: 'dsse',
  spec: {
    payloadHash: { algorithm: 'sha256', value: hash('sha256', Buffer.from(payload, 'base64'), 'hex') },
    signatures: [{ signature: signatures[0]!.sig, verifier: '' }],
  },
});

const rekordEntry = (payload: Buffer, signature: string): object => ({
  apiVersion: '0.0.1',
  kind: 'hashedrekord',
  spec: { data: { hash: { algorithm: 'sha256', value: hash('sha256', payload, 'hex') } }, signature: { content: signature } },
});

/** An answer of Rekor's API. */
type Logged = {
  readonly body: string;
  readonly integratedTime: number;
  readonly logIndex: number;
  readonly logID: string;
  readonly verification: {
    readonly signedEntryTimestamp: string;
    readonly inclusionProof: {
      readonly logIndex: number;
      readonly treeSize: number;
      readonly rootHash: string;
      readonly checkpoint: string;
    };
  };
};

function tlogEntryOf({ body, integratedTime, logIndex, logID, verification }: Logged): object {
  const { kind, apiVersion } = JSON.parse(Buffer.from(body, 'base64').toString()) as { kind: string; apiVersion: string };
  const { inclusionProof: proof, signedEntryTimestamp } = verification;
  return {
    ...{ logIndex: String(logIndex), integratedTime: String(integratedTime), canonicalizedBody: body },
    logId: { keyId: Buffer.from(logID, 'hex').toString('base64') },
    kindVersion: { kind, version: apiVersion },
    inclusionPromise: { signedEntryTimestamp },
    inclusionProof: {
      ...{ logIndex: String(proof.logIndex), treeSize: String(proof.treeSize), hashes: [] },
      rootHash: Buffer.from(proof.rootHash, 'hex').toString('base64'),
      checkpoint: { envelope: proof.checkpoint },
    },
  };
}
