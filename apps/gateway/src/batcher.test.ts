import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import { AppendError, createBatcher, type BatcherOptions, type Parcel } from './batcher.ts';

type Named = Parcel & { readonly name: string };
const parcel = (name: string, bytes = 1_000, recordsCount = 1): Named => ({ name, bytes, recordsCount });
const names = (parcels: readonly Named[]): string => parcels.map(({ name }) => name).join('');

function start(options: Partial<BatcherOptions<Named>> = {}) {
  const sends: string[] = [];
  const gates: { resolve: () => void; reject: (error: Error) => void }[] = [];
  const batcher = createBatcher({
    send: (parcels) => {
      sends.push(names(parcels));
      return new Promise((resolve, reject) => gates.push({ resolve, reject }));
    },
    recordsMax: 100,
    bytesMax: 1_000_000,
    pendingBytesMax: 10_000_000,
    timeoutMs: 1_000,
    ...options,
  });
  const answer = async (error?: Error): Promise<void> => {
    const gate = gates.shift()!;
    if (error) gate.reject(error);
    else gate.resolve();
    await sleep(1);
  };
  return { batcher, sends, answer };
}
const codeOf = (promise: Promise<void>): Promise<string> =>
  promise.then(
    () => 'appended',
    (error: unknown) => (error instanceof AppendError ? error.code : String(error)),
  );

describe('sharing sends', () => {
  it('a request alone goes at once; those that come meanwhile go together, in their order', async () => {
    const { batcher, sends, answer } = start();
    const all = ['a', 'b', 'c', 'd'].map((name) => batcher.add(parcel(name)));
    assert.deepEqual(sends, ['a']);
    await answer();
    assert.deepEqual(sends, ['a', 'bcd']);
    await answer();
    await Promise.all(all);
    assert.equal(batcher.pendingBytes(), 0);
  });

  it('nobody is told before his own send is acknowledged', async () => {
    const { batcher, answer } = start();
    const told: string[] = [];
    const all = ['a', 'b'].map((name) => batcher.add(parcel(name)).then(() => told.push(name)));
    await answer();
    assert.deepEqual(told, ['a']);
    await answer();
    await Promise.all(all);
  });

  it('a send is bounded by records and bytes, but a request is never divided', async () => {
    const byRecords = start({ recordsMax: 2 });
    for (const name of ['a', 'b', 'c', 'd']) void byRecords.batcher.add(parcel(name));
    await byRecords.answer();
    void byRecords.batcher.add(parcel('e', 1, 3));
    for (let send = 0; send < 3; send++) await byRecords.answer();
    assert.deepEqual(byRecords.sends, ['a', 'bc', 'd', 'e']);

    const byBytes = start({ bytesMax: 5_000 });
    for (const name of ['a', 'b', 'c']) void byBytes.batcher.add(parcel(name, 3_000));
    for (let send = 0; send < 3; send++) await byBytes.answer();
    assert.deepEqual(byBytes.sends, ['a', 'b', 'c']);
  });

  it('a failed send fails its own requests, and the next ones are tried', async () => {
    const { batcher, answer } = start();
    const [first, second, third] = ['a', 'b', 'c'].map((name) => codeOf(batcher.add(parcel(name))));
    await answer();
    await answer(new Error('no broker'));
    assert.deepEqual(await Promise.all([first, second, third]), ['appended', 'LOG_UNAVAILABLE', 'LOG_UNAVAILABLE']);
    const fourth = codeOf(batcher.add(parcel('d')));
    await answer();
    assert.equal(await fourth, 'appended');
  });
});

describe('waiting', () => {
  it('ends after the timeout; what was not sent by then never is, what hangs is still counted', async () => {
    const { batcher, sends, answer } = start({ timeoutMs: 20 });
    const codes = await Promise.all(['a', 'b'].map((name) => codeOf(batcher.add(parcel(name)))));
    assert.deepEqual(codes, ['LOG_UNAVAILABLE', 'LOG_UNAVAILABLE']);
    assert.ok(batcher.pendingBytes() > 0);
    await answer();
    assert.deepEqual(sends, ['a']);
    assert.equal(batcher.pendingBytes(), 0);
  });

  it('is bounded in bytes: what does not fit is refused at once', async () => {
    const { batcher } = start({ pendingBytesMax: 5_000, timeoutMs: 20 });
    const codes = ['a', 'b', 'c'].map((name) => codeOf(batcher.add(parcel(name, 2_000))));
    assert.equal(await codes[2], 'GATEWAY_BUSY');
    await Promise.all(codes);
  });

  it('drained resolves only when all is acknowledged', async () => {
    const { batcher, answer } = start();
    void batcher.add(parcel('a'));
    void batcher.add(parcel('b'));
    let isDrained = false;
    const drained = batcher.drained().then(() => (isDrained = true));
    await answer();
    assert.equal(isDrained, false);
    await answer();
    await drained;
  });
});
