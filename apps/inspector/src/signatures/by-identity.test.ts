import assert from 'node:assert/strict';
import { before, describe, it } from 'node:test';
import { Refusal } from './refusal.ts';
import { bytesOf, ci, digestOf, startSigstore, type BundleDocument, type Sigstore } from './signing.fixture.ts';
import { createTrust, type Trust } from './trust.ts';
import { verifyBundle } from './verify-bundle.ts';
import { verifySimpleSigning } from './verify-simple-signing.ts';

const [ours, another] = [digestOf('a'), digestOf('b')];
const refusedAs = (code: string) => (error: unknown) => error instanceof Refusal && error.code === code;
const hour = 60 * 60 * 1000;

describe('a signature by an identity', () => {
  let sigstore: Sigstore;
  let strangers: Sigstore;
  let trust: Trust;
  before(async () => {
    [sigstore, strangers] = await Promise.all([startSigstore(), startSigstore()]);
    trust = createTrust([], sigstore.root);
  });
  const verify = (document: object, digest = ours) => verifyBundle(bytesOf(document), digest, trust);
  const changed = (bundle: BundleDocument, material: object): object => ({
    ...bundle,
    verificationMaterial: { ...bundle.verificationMaterial, ...material },
  });

  it('counts for whom its certificate names, in a bundle as well as in a layer', async () => {
    assert.deepEqual(verify(await sigstore.bundle(ours)), { ...ci, key: null });
    const { payload, annotations } = await sigstore.simply(ours);
    assert.deepEqual(verifySimpleSigning(payload, annotations, ours, trust), { ...ci, key: null });
  });

  it('names who asked for the certificate, and who vouches for that', async () => {
    const other = { subject: 'https://git.test/else', issuer: 'https://login.test' };
    assert.deepEqual(verify(await sigstore.bundle(ours, other)), { ...other, key: null });
  });

  it('says nothing of another image', async () => {
    const bundle = await sigstore.bundle(another);
    assert.throws(() => verify(bundle), refusedAs('SIGNATURE_OF_ANOTHER_IMAGE'));
    const { payload, annotations } = await sigstore.simply(another);
    assert.throws(() => verifySimpleSigning(payload, annotations, ours, trust), refusedAs('SIGNATURE_OF_ANOTHER_IMAGE'));
  });

  it('does not count when what it signs was changed afterwards', async () => {
    const [bundle, other] = [await sigstore.bundle(another), await sigstore.bundle(ours)];
    const { payload } = other.dsseEnvelope;
    assert.throws(() => verify({ ...bundle, dsseEnvelope: { ...bundle.dsseEnvelope, payload } }), refusedAs('SIGNATURE_NOT_LOGGED'));
    const [old, simply] = [await sigstore.simply(another), await sigstore.simply(ours)];
    assert.throws(() => verifySimpleSigning(simply.payload, old.annotations, ours, trust), refusedAs('SIGNATURE_NOT_LOGGED'));
  });

  it('does not count without a trusted root, whoever it is by', async () => {
    const bundle = bytesOf(await sigstore.bundle(ours));
    assert.throws(() => verifyBundle(bundle, ours, createTrust([], undefined)), refusedAs('SIGNATURE_ROOT_MISSING'));
  });

  it('does not count by a certificate of an authority of their own, with logs of their own', async () => {
    const bundle = await strangers.bundle(ours);
    assert.throws(() => verify(bundle), refusedAs('SIGNATURE_CERTIFICATE_REFUSED'));
    const { payload, annotations } = await strangers.simply(ours);
    assert.throws(() => verifySimpleSigning(payload, annotations, ours, trust), refusedAs('SIGNATURE_CERTIFICATE_REFUSED'));
  });

  it('does not count when the CT log has not seen its certificate', async () => {
    const bundle = await sigstore.bundle(ours, { isKnownToCtLog: false });
    assert.throws(() => verify(bundle), refusedAs('SIGNATURE_CERTIFICATE_REFUSED'));
  });

  it('counts for good when it was made while its certificate was valid', async (test) => {
    const bundle = await sigstore.bundle(ours);
    test.mock.timers.enable({ apis: ['Date'], now: Date.now() + 1_000 * hour });
    assert.deepEqual(verify(bundle), { ...ci, key: null });
  });

  it('does not count when it was made before its certificate was valid, or after that had expired', async () => {
    const late = await sigstore.bundle(ours, { loggedAt: new Date(Date.now() + hour) });
    assert.throws(() => verify(late), refusedAs('SIGNATURE_CERTIFICATE_REFUSED'));
    const early = await sigstore.bundle(ours, { loggedAt: new Date(Date.now() - hour) });
    assert.throws(() => verify(early), refusedAs('SIGNATURE_CERTIFICATE_REFUSED'));
  });

  it('does not count with the log entry of another signature, or with one of another log', async () => {
    const [bundle, other] = [await sigstore.bundle(ours), await sigstore.bundle(another)];
    const { tlogEntries } = other.verificationMaterial;
    assert.throws(() => verify(changed(bundle, { tlogEntries })), refusedAs('SIGNATURE_NOT_LOGGED'));
    const elsewhere = await strangers.bundle(ours);
    const { tlogEntries: theirs } = elsewhere.verificationMaterial;
    assert.throws(() => verify(changed(bundle, { tlogEntries: theirs })), refusedAs('SIGNATURE_NOT_LOGGED'));
  });

  it('does not count without a log entry: nothing says when it was made', async () => {
    const bundle = await sigstore.bundle(ours);
    assert.throws(() => verify(changed(bundle, { tlogEntries: [] })), refusedAs('SIGNATURE_TIME_UNPROVEN'));
    const { payload, annotations } = await sigstore.simply(ours);
    const { 'dev.sigstore.cosign/bundle': _, ...unlogged } = annotations;
    assert.throws(() => verifySimpleSigning(payload, unlogged, ours, trust), refusedAs('SIGNATURE_TIME_UNPROVEN'));
  });

  it('counts by the word of a timestamp authority, where the root has that in place of a log', async () => {
    const stamping = createTrust([], sigstore.stampingRoot);
    const [bundle, other, theirs] = [await sigstore.stamped(ours), await sigstore.stamped(ours), await strangers.stamped(ours)];
    assert.deepEqual(verifyBundle(bytesOf(bundle), ours, stamping), { ...ci, key: null });
    const { timestampVerificationData: ofOther } = other.verificationMaterial;
    const { timestampVerificationData: byStranger } = theirs.verificationMaterial;
    for (const timestampVerificationData of [ofOther, byStranger, undefined]) {
      const bytes = bytesOf(changed(bundle, { timestampVerificationData }));
      assert.throws(() => verifyBundle(bytes, ours, stamping), refusedAs('SIGNATURE_TIME_UNPROVEN'));
    }
    assert.throws(() => verify(bundle), refusedAs('SIGNATURE_TIME_UNPROVEN')); // A root with a log alone.
    assert.throws(() => verifyBundle(bytesOf(bundle), ours, createTrust([], sigstore.strictRoot)), refusedAs('SIGNATURE_NOT_LOGGED'));
  });

  it('does not count with the time of its log entry changed', async () => {
    const bundle = await sigstore.bundle(ours);
    const [entry] = bundle.verificationMaterial.tlogEntries as readonly { readonly integratedTime: string }[];
    const tlogEntries = [{ ...entry, integratedTime: String(Number(entry!.integratedTime) + 60) }];
    assert.throws(() => verify(changed(bundle, { tlogEntries })), refusedAs('SIGNATURE_NOT_LOGGED'));
  });

  it('does not count with the certificate of another', async () => {
    const [bundle, other] = [await sigstore.bundle(ours), await sigstore.bundle(ours, { subject: 'https://git.test/else' })];
    const { certificate } = other.verificationMaterial;
    assert.throws(() => verify(changed(bundle, { certificate })), refusedAs('SIGNATURE_INVALID'));
  });

  it('does not count by a certificate that is not for signing, also where its authority is trusted', async () => {
    const bundle = await sigstore.bundle(ours);
    const root = JSON.parse(sigstore.root) as { certificateAuthorities: { certChain: { certificates: object[] } }[] };
    const certificate = root.certificateAuthorities[0]!.certChain.certificates[0]!;
    assert.throws(
      () => verify(changed(bundle, { certificate })),
      (error) => refusedAs('SIGNATURE_CERTIFICATE_REFUSED')(error) && /signing code/.test(String(error)),
    );
  });

  it('is not looked at where it brings along more than any needs', async () => {
    const bundle = await sigstore.bundle(ours);
    const [entry] = bundle.verificationMaterial.tlogEntries;
    assert.throws(() => verify(changed(bundle, { tlogEntries: Array(1_000).fill(entry) })), refusedAs('SIGNATURE_MALFORMED'));
  });

  it('is refused, and never an error of ours, wherever it is cut off or damaged', async () => {
    const bytes = bytesOf(await sigstore.bundle(ours));
    for (let at = 0; at < bytes.length; at += 37) {
      assert.throws(() => verifyBundle(bytes.subarray(0, at), ours, trust), Refusal);
      const damaged = Buffer.from(bytes);
      damaged[at]! ^= 0x01;
      try {
        assert.deepEqual(verifyBundle(damaged, ours, trust), { ...ci, key: null }); // In what nobody signs, such as a proof's own index.
      } catch (error) {
        assert.ok(error instanceof Refusal, `byte ${at}: ${String(error)}`);
      }
    }
  });
});
