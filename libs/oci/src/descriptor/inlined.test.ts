import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';
import { describe, it } from 'node:test';
import type { Digest } from '@waybill/domain';
import { OciError } from '../host/errors.ts';
import { digestOf } from './digest.ts';
import { findInlined, inlinedBytesMax } from './inlined.ts';

const where = { host: 'r.example', repository: 'team/app' };
const bytes = Buffer.from('{"os":"linux"}?>'); // With "/" and "=" in its base64.
const data = bytes.toString('base64');
const sha512 = `sha512:${createHash('sha512').update(bytes).digest('hex')}` as Digest;

describe('content in its own descriptor', () => {
  it('is what the descriptor says, by either digest', () => {
    for (const digest of [digestOf(bytes), sha512])
      assert.deepEqual(findInlined({ digest, sizeBytes: bytes.byteLength, data }, where), bytes);
    assert.deepEqual(findInlined({ digest: digestOf(''), sizeBytes: 0, data: '' }, where), Buffer.alloc(0));
  });

  it('is not there, or not worth it', () => {
    assert.equal(findInlined({ digest: sha512, sizeBytes: bytes.byteLength }, where), undefined);
    const sizeOf = (sizeBytes: number) => {
      const zeros = Buffer.alloc(sizeBytes);
      return findInlined({ digest: digestOf(zeros), sizeBytes, data: zeros.toString('base64') }, where)?.byteLength;
    };
    assert.deepEqual([sizeOf(inlinedBytesMax), sizeOf(inlinedBytesMax + 3)], [inlinedBytesMax, undefined]);
  });

  it('is refused when it is anything else', () => {
    const digest = digestOf(bytes);
    const url = data.replaceAll('/', '_').replaceAll('+', '-');
    const wrong = [
      data.slice(0, -4),
      `${data}AAAA`,
      ` ${data}`,
      `${data}\n`,
      data.replaceAll('=', ''),
      url,
      '',
      '*',
      Buffer.from('other').toString('base64'),
    ];
    for (const text of wrong.filter((each) => each !== data)) {
      const read = () => findInlined({ digest, sizeBytes: bytes.byteLength, data: text }, where);
      assert.throws(read, (error) => error instanceof OciError && error.code === 'MANIFEST_INVALID' && !error.retry, JSON.stringify(text));
    }
    for (const other of [
      { digest, sizeBytes: bytes.byteLength + 1 },
      { digest: digestOf('x'), sizeBytes: bytes.byteLength },
    ])
      assert.throws(() => findInlined({ ...other, data }, where), OciError);
  });
});
