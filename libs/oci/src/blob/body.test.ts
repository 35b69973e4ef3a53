import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { readBounded } from './body.ts';

const where = { host: 'r.example', repository: 'a' };

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
