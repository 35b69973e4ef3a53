import assert from 'node:assert/strict';
import { randomBytes } from 'node:crypto';
import { after, before, it } from 'node:test';
import { startFakeRegistry, type FakeRegistry } from '@waybill/testing';
import fc from 'fast-check';
import { blobSource } from './blob.ts';
import { uploadBlob } from './upload.ts';
import { digestOf } from '../descriptor/digest.ts';
import { createRegistryClient, type RegistryClient } from '../host/client.ts';
import { OciError } from '../host/errors.ts';

// Goal: whatever is cut, wherever and how often, on either side or on both: the target has the blob as it is, or the copy has failed with
// a typed error and the target has none of it. Up to the bound of tries it must end well.
const failuresMax = 4;
const sizeMax = 400_000;
let [source, target]: FakeRegistry[] = [];
let [from, to]: RegistryClient[] = [];

before(async () => {
  [source, target] = [await startFakeRegistry(), await startFakeRegistry()];
  [from, to] = [source, target].map(({ host }, index) =>
    createRegistryClient({ name: 'ab'[index]!, host, plainHttp: true }, { triesMax: failuresMax + 1, random: () => 0 }),
  );
});
after(async () => {
  await Promise.all([from!.close(), to!.close()]);
  await Promise.all([source!.close(), target!.close()]);
});

const at = fc.integer({ min: 0, max: sizeMax });
const download = fc.oneof(
  { weight: 4, arbitrary: at.map((atBytes) => ({ method: 'GET', kind: 'cut', atBytes }) as const) },
  { weight: 1, arbitrary: fc.constant({ method: 'GET', kind: 'answer', status: 503 } as const) },
);
const sent = fc.oneof(
  { weight: 4, arbitrary: fc.record({ kind: fc.constant('cut-request' as const), atBytes: at, isKept: fc.boolean() }) },
  { weight: 1, arbitrary: fc.constant({ kind: 'lose-answer' } as const) },
  { weight: 1, arbitrary: fc.constant({ kind: 'answer', status: 500 } as const) },
);
const upload = fc.tuple(fc.constantFrom('POST', 'PUT', 'PATCH', 'GET', 'HEAD'), sent).map(([method, fault]) => ({ method, ...fault }));

it('a blob that is cut anywhere on its way arrives as it is, or not at all', async () => {
  const cases = fc.record({
    sizeBytes: fc.integer({ min: 0, max: sizeMax }),
    chunkBytes: fc.option(fc.integer({ min: 50_000, max: sizeMax }), { nil: undefined }),
    downloads: fc.array(download, { maxLength: 6 }),
    uploads: fc.array(upload, { maxLength: 6 }),
  });
  let count = 0;
  await fc.assert(
    fc.asyncProperty(cases, async ({ sizeBytes, chunkBytes, downloads, uploads }) => {
      const bytes = randomBytes(sizeBytes);
      const descriptor = { mediaType: 'application/octet-stream', digest: digestOf(bytes), sizeBytes };
      const query = { repository: `team/app${count++}`, descriptor };
      const signal = AbortSignal.timeout(20_000);
      await uploadBlob(from!, query, async () => bytes, signal);
      for (const fault of downloads) source!.fail({ path: /blobs/, ...fault });
      for (const fault of uploads) target!.fail({ path: /blobs/, ...fault });
      const failure = await uploadBlob(to!, { ...query, chunkBytes }, blobSource(from!, query, signal), signal).then(
        () => undefined,
        (error: Error) => error,
      );
      source!.heal();
      target!.heal();
      const stored = target!.repositories.get(query.repository)?.blobs.get(descriptor.digest);
      if (failure === undefined) assert.deepEqual(stored, bytes);
      else assert.ok(failure instanceof OciError, failure);
      // Where an answer was lost the blob may be there although the upload has failed; a wrong one never is.
      if (stored) assert.ok(stored.equals(bytes), 'a wrong blob was stored');
      if (downloads.length <= failuresMax && uploads.length <= failuresMax) assert.equal(failure?.message, undefined);
    }),
    {
      numRuns: 60,
      // A registry says `0-0` for one byte as for none.
      examples: [
        [{ sizeBytes: 1, chunkBytes: 50_000, downloads: [], uploads: [{ method: 'PUT', kind: 'cut-request', atBytes: 0, isKept: false }] }],
      ],
    },
  );
});
