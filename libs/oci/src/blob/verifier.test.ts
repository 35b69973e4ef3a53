import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import type { Digest } from '@waybill/domain';
import { digestOf } from '../descriptor/digest.ts';
import { createCheckpoints, createVerifier } from './verifier.ts';

const where = { host: 'r.example', repository: 'a' };
const digest = digestOf('abcdef');

/** What a reader got before the end, or before the failure. */
function pass(
  texts: readonly string[],
  content: { readonly digest: Digest; readonly sizeBytes: number },
  offsetBytes = 0,
): { readonly text: string; readonly code: string | undefined } {
  const verifier = createVerifier(content, offsetBytes, createCheckpoints(content.digest), where);
  let text = '';
  try {
    for (const chunk of texts) text += verifier.take(Buffer.from(chunk))?.toString() ?? '';
    return { text: text + (verifier.end()?.toString() ?? ''), code: undefined };
  } catch (error) {
    return { text, code: (error as { code: string }).code };
  }
}

describe('a verified blob', () => {
  it('comes through whole', () =>
    assert.deepEqual(pass(['ab', 'cd', 'ef'], { digest, sizeBytes: 6 }), { text: 'abcdef', code: undefined }));

  it('never comes through whole when its digest is wrong', () =>
    assert.deepEqual(pass(['ab', 'cd', 'eX'], { digest, sizeBytes: 6 }), { text: 'abcd', code: 'CONTENT_DIGEST_MISMATCH' }));

  it('fails when it is too short or too long', () => {
    assert.equal(pass(['ab', 'cd'], { digest, sizeBytes: 6 }).code, 'CONTENT_SIZE_MISMATCH');
    assert.equal(pass(['abcdef', 'g'], { digest, sizeBytes: 6 }).code, 'CONTENT_SIZE_MISMATCH');
  });

  it('may be empty', () => assert.deepEqual(pass([], { digest: digestOf(''), sizeBytes: 0 }), { text: '', code: undefined }));

  it('is hashed by the algorithm of its digest', () => {
    const sha512 =
      'sha512:e32ef19623e8ed9d267f657a81944b3d07adbb768518068e88435745564e8d41' +
      '50a0a703be2a7d88b61e3d390c2bb97e2d4c311fdc69d6b1267f05f59aa920e7';
    assert.deepEqual(pass(['abcdef'], { digest: sha512 as Digest, sizeBytes: 6 }), { text: 'abcdef', code: undefined });
  });

  it('is verified whole where its reader wants it from an offset on', () => {
    assert.deepEqual(pass(['ab', 'cd', 'ef'], { digest, sizeBytes: 6 }, 3), { text: 'def', code: undefined });
    assert.deepEqual(pass(['aX', 'cd', 'ef'], { digest, sizeBytes: 6 }, 3), { text: 'd', code: 'CONTENT_DIGEST_MISMATCH' });
  });

  it('begins at the last checkpoint that was passed before an offset, of which a few are kept', () => {
    const mib = 1_048_576;
    const bytes = Buffer.alloc(100 * mib, 'x');
    const content = { digest: digestOf(bytes), sizeBytes: bytes.byteLength };
    const checkpoints = createCheckpoints(content.digest);
    const first = createVerifier(content, 0, checkpoints, where);
    for (let at = 0; at < 100 * mib; at += mib) first.take(bytes.subarray(at, at + mib));
    const starts = [100, 90, 41, 40, 39, 1].map((at) => checkpoints.before(at * mib).atBytes / mib);
    assert.deepEqual(starts, [96, 88, 40, 40, 0, 0]);
    const again = createVerifier(content, 90 * mib, checkpoints, where);
    assert.equal(again.atBytes(), 88 * mib);
    assert.equal(again.take(bytes.subarray(88 * mib)), undefined);
    assert.equal(again.end()?.byteLength, 10 * mib);
  });
});
