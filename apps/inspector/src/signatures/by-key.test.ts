import assert from 'node:assert/strict';
import { generateKeyPairSync } from 'node:crypto';
import { describe, it } from 'node:test';
import { parsePublicKey } from './keys.ts';
import { Refusal } from './refusal.ts';
import {
  bundleByKey,
  bytesOf,
  digestOf,
  newKey,
  payloadOf,
  signSimply,
  trusted,
  type SimpleSigning,
  type Statement,
} from './signing.fixture.ts';
import { createTrust } from './trust.ts';
import { verifyBundle } from './verify-bundle.ts';
import { verifySimpleSigning } from './verify-simple-signing.ts';

const [image, another] = [digestOf('a'), digestOf('b')];
const [ours, theirs] = [newKey(), newKey()];
const trust = createTrust([trusted(theirs), trusted(ours)], undefined);
const byOurs = { issuer: null, subject: null, key: trusted(ours).id };
const refusedAs = (code: string) => (error: unknown) => error instanceof Refusal && error.code === code;
const simply = ({ payload, annotations }: SimpleSigning, by = trust) => verifySimpleSigning(payload, annotations, image, by);
const bundled = (bytes: Buffer, by = trust) => verifyBundle(bytes, image, by);

/** The two ways in which a key signs an image. */
const forms: Readonly<Record<string, (digest: string, key?: typeof ours) => () => unknown>> = {
  'in a layer': (digest, key = ours) => {
    const signed = signSimply(key, payloadOf(digest));
    return () => simply(signed);
  },
  'in a bundle': (digest, key = ours) => {
    const bytes = bundleByKey(key, digest);
    return () => bundled(bytes);
  },
};

for (const [where, sign] of Object.entries(forms))
  describe(`a signature by a key ${where}`, () => {
    it('counts for the one of the keys that made it', () => {
      assert.deepEqual(sign(image)(), byOurs);
      assert.deepEqual(sign(image, theirs)(), { ...byOurs, key: trusted(theirs).id });
    });

    it('does not count by a key that is not configured', () => {
      assert.throws(sign(image, newKey()), refusedAs('SIGNATURE_INVALID'));
    });

    it('says nothing of another image', () => {
      assert.throws(sign(another), refusedAs('SIGNATURE_OF_ANOTHER_IMAGE'));
    });
  });

describe('a signature by a key', () => {
  it('does not count when its payload was changed to another digest', () => {
    const { annotations } = signSimply(ours, payloadOf(another));
    assert.throws(() => simply({ payload: payloadOf(image), annotations }), refusedAs('SIGNATURE_INVALID'));
  });

  it('does not count when its statement was changed, or said to be of another type', () => {
    const bundle = JSON.parse(bundleByKey(ours, another).toString()) as { dsseEnvelope: { payload: string } };
    const { payload } = (JSON.parse(bundleByKey(theirs, image).toString()) as typeof bundle).dsseEnvelope;
    const changes = [{ payload }, { payloadType: 'application/vnd.in-toto' }];
    for (const change of changes)
      assert.throws(
        () => bundled(bytesOf({ ...bundle, dsseEnvelope: { ...bundle.dsseEnvelope, ...change } })),
        refusedAs('SIGNATURE_INVALID'),
      );
  });

  const others: readonly Statement[] = [{ predicateType: 'https://slsa.dev/provenance/v1' }, { payloadType: 'application/json' }];
  for (const statement of others)
    it(`that is valid signs nothing with ${JSON.stringify(statement)}`, () => {
      const bytes = bundleByKey(ours, image, statement);
      assert.throws(() => bundled(bytes), refusedAs('SIGNATURE_UNSUPPORTED'));
    });

  it('that is valid signs nothing with a payload of another type', () => {
    const signed = signSimply(ours, payloadOf(image, 'atomic container signature'));
    assert.throws(() => simply(signed), refusedAs('SIGNATURE_UNSUPPORTED'));
  });

  it('needs no log, and a log entry makes none of a stranger valid', () => {
    const { payload, annotations } = signSimply(newKey(), payloadOf(image));
    const logged = { ...annotations, 'dev.sigstore.cosign/bundle': '{}', 'dev.sigstore.cosign/chain': ours.pem };
    assert.throws(() => simply({ payload, annotations: logged }), refusedAs('SIGNATURE_INVALID'));
  });

  it('counts by each curve with its own hash and with SHA-256, and by none with a weaker one', () => {
    for (const [curve, hash] of [
      ['secp384r1', 'sha384'],
      ['secp384r1', 'sha256'],
      ['secp521r1', 'sha512'],
      ['secp521r1', 'sha256'],
    ] as const) {
      const key = newKey(curve);
      assert.equal(simply(signSimply(key, payloadOf(image), hash), createTrust([trusted(key)], undefined)).key, trusted(key).id);
    }
    assert.throws(() => simply(signSimply(ours, payloadOf(image), 'sha1')), refusedAs('SIGNATURE_INVALID'));
  });

  it('does not count by a key of another curve', () => {
    assert.throws(() => simply(signSimply(newKey('secp384r1'), payloadOf(image))), refusedAs('SIGNATURE_INVALID'));
  });

  for (const text of ['', '{', '[]', 'null', '{"critical":null}', '{"critical":{"type":"cosign container image signature","image":7}}'])
    it(`is refused where what it signs is ${text === '' ? 'empty' : text}`, () => {
      assert.throws(() => simply(signSimply(ours, Buffer.from(text))), Refusal);
    });

  it('is refused, and never an error of ours, wherever a bundle is cut off or is something else', () => {
    const bytes = bundleByKey(ours, image);
    for (let at = 0; at < bytes.length; at += 3) assert.throws(() => bundled(bytes.subarray(0, at)), refusedAs('SIGNATURE_MALFORMED'));
    for (const text of ['7', '"x"', '[]', '{"mediaType":7}', `{"mediaType":"${'a'.repeat(1_000)}"}`, '['.repeat(10_000)])
      assert.throws(() => bundled(Buffer.from(text)), refusedAs('SIGNATURE_MALFORMED'));
  });

  it('is refused where its layer has none', () => {
    assert.throws(() => simply({ payload: payloadOf(image), annotations: {} }), refusedAs('SIGNATURE_MALFORMED'));
  });
});

describe('a key to verify with', () => {
  const pemOf = (type: 'ec' | 'ed25519' | 'rsa', options: object = {}): string =>
    generateKeyPairSync(type as 'ec', options as { namedCurve: string })
      .publicKey.export({ type: 'spki', format: 'pem' })
      .toString();

  it('is named by its digest, whatever stands around it in the file', () => {
    assert.match(parsePublicKey(ours.pem).id, /^sha256:[a-f0-9]{64}$/);
    assert.equal(parsePublicKey(`of the build\n${ours.pem}\n`).id, parsePublicKey(ours.pem).id);
  });

  it('is of P-256, P-384, P-521, Ed25519 or RSA', () => {
    for (const pem of [pemOf('ed25519'), pemOf('rsa', { modulusLength: 2_048 })]) assert.ok(parsePublicKey(pem).id);
  });

  it('is not taken where it is weak or unusual', () => {
    for (const pem of [pemOf('ec', { namedCurve: 'secp256k1' }), pemOf('rsa', { modulusLength: 1_024 })])
      assert.throws(() => parsePublicKey(pem), /not taken/);
  });

  it('is not taken from a file with a private key, and nothing of that is told', () => {
    const pem = ours.privateKey.export({ type: 'pkcs8', format: 'pem' }).toString();
    assert.throws(
      () => parsePublicKey(pem),
      (error) => /private key/.test(String(error)) && !String(error).includes(pem.slice(30, 60)),
    );
  });

  for (const text of ['', 'no key', `${ours.pem}${theirs.pem}`, '-----BEGIN PUBLIC KEY-----\nAAAA\n-----END PUBLIC KEY-----\n'])
    it(`is not ${JSON.stringify(text.slice(0, 40))}`, () => void assert.throws(() => parsePublicKey(text), /holds/));
});
