import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { readBounded, verifiedChunks } from './body.ts';
import { digestOf } from '../descriptor/digest.ts';

const where = { host: 'r.example', repository: 'a' };
async function* chunksOf(...texts: readonly string[]): AsyncGenerator<Buffer> {
  for (const text of texts) yield Buffer.from(text);
}

/** What a reader got before the end, or before the failure. */
async function drain(chunks: AsyncIterable<Uint8Array>): Promise<{ readonly text: string; readonly code: string | undefined }> {
  let text = '';
  try {
    for await (const chunk of chunks) text += Buffer.from(chunk).toString();
    return { text, code: undefined };
  } catch (error) {
    return { text, code: (error as { code: string }).code };
  }
}

describe('a verified body', () => {
  const digest = digestOf('abcdef');

  it('comes through whole', async () =>
    assert.deepEqual(await drain(verifiedChunks(chunksOf('ab', 'cd', 'ef'), { digest, sizeBytes: 6 }, where)), {
      text: 'abcdef',
      code: undefined,
    }));

  it('never comes through whole when its digest is wrong', async () =>
    assert.deepEqual(await drain(verifiedChunks(chunksOf('ab', 'cd', 'eX'), { digest, sizeBytes: 6 }, where)), {
      text: 'abcd',
      code: 'CONTENT_DIGEST_MISMATCH',
    }));

  it('fails when it is too short or too long', async () => {
    const short = await drain(verifiedChunks(chunksOf('ab', 'cd'), { digest, sizeBytes: 6 }, where));
    const long = await drain(verifiedChunks(chunksOf('abcdef', 'g'), { digest, sizeBytes: 6 }, where));
    assert.deepEqual([short.code, long.code], ['CONTENT_SIZE_MISMATCH', 'CONTENT_SIZE_MISMATCH']);
  });

  it('may be empty', async () => {
    const empty = { digest: digestOf(''), sizeBytes: 0 };
    assert.deepEqual(await drain(verifiedChunks(chunksOf(), empty, where)), { text: '', code: undefined });
  });

  it('is hashed by the algorithm of its digest', async () => {
    const sha512 =
      'sha512:e32ef19623e8ed9d267f657a81944b3d07adbb768518068e88435745564e8d41' +
      '50a0a703be2a7d88b61e3d390c2bb97e2d4c311fdc69d6b1267f05f59aa920e7';
    const expected = { digest: sha512 as typeof digest, sizeBytes: 6 };
    assert.deepEqual(await drain(verifiedChunks(chunksOf('abcdef'), expected, where)), { text: 'abcdef', code: undefined });
  });
});

describe('a bounded body', () => {
  it('is not read beyond its bound', async () => {
    let chunksRead = 0;
    async function* flood(): AsyncGenerator<Buffer> {
      for (; chunksRead < 100; chunksRead++) yield Buffer.alloc(1_000);
    }
    await assert.rejects(readBounded(flood(), 10_000, 'it', where), { code: 'CONTENT_TOO_LARGE' });
    assert.equal(chunksRead, 10);
  });
});
