import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { JobError } from '@waybill/stream';
import { OciError, type OciErrorCode } from './errors.ts';
import { asJobError } from './job-error.ts';

const failureOf = (code: OciErrorCode): JobError => {
  const error = asJobError(new OciError(code, 'no', { host: 'registry.test:5000', repository: 'a', retryAfterMs: 7 }));
  assert.ok(error instanceof JobError);
  return error;
};

describe('a failure at a registry, for a job', () => {
  for (const code of ['REGISTRY_UNAVAILABLE', 'REGISTRY_TIMEOUT', 'REGISTRY_RATE_LIMITED', 'CREDENTIALS_UNAVAILABLE'] as const) {
    it(`says with ${code} that the host had better be left alone`, () => {
      const { hostDown, retryAfterMs, retry } = failureOf(code);
      assert.deepEqual({ hostDown, retryAfterMs, retry }, { hostDown: 'registry.test:5000', retryAfterMs: 7, retry: true });
    });
  }

  for (const code of ['CONTENT_NOT_FOUND', 'REGISTRY_DENIED', 'CONTENT_DIGEST_MISMATCH', 'REGISTRY_NOT_CONFIGURED'] as const) {
    it(`says with ${code} nothing of the kind: other images may be there`, () => assert.equal(failureOf(code).hostDown, undefined));
  }

  it('is left as it is when it is of another kind', () => {
    const error = new TypeError('a fault of ours');
    assert.equal(asJobError(error), error);
  });
});
