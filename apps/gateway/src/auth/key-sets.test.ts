import assert from 'node:assert/strict';
import { generateKeyPairSync } from 'node:crypto';
import { describe, it } from 'node:test';
import { createKeySets } from './key-sets.ts';

const { publicKey } = generateKeyPairSync('rsa', { modulusLength: 2_048 });
const jwk = publicKey.export({ format: 'jwk' });
const provider = { jwksUrl: 'https://keys.example/certs', algorithm: 'RS256' } as const;

/** A provider whose keys, politeness and presence a test decides. */
function start(keyIds: readonly string[], cacheControl: string | null = 'public, max-age=600') {
  const state = { keyIds, cacheControl, isAway: false, fetches: 0, nowMs: 1_000_000, failures: 0 };
  const fetch = async () => {
    state.fetches++;
    if (state.isAway) throw new Error('no route');
    const keys = state.keyIds.map((kid) => ({ ...jwk, kid }));
    return { body: Buffer.from(JSON.stringify({ keys })), cacheControl: state.cacheControl };
  };
  const { find } = createKeySets(
    fetch,
    () => state.nowMs,
    () => void state.failures++,
  );
  const ask = async (keyId: string): Promise<string> => {
    const key = await find(provider, keyId);
    return typeof key === 'string' ? key : 'a key';
  };
  return { state, ask };
}
const minute = 60_000;
const hour = 60 * minute;

describe('keys of a provider', () => {
  it('are fetched once, also for many who ask at once, and kept as long as it says', async () => {
    const { state, ask } = start(['a']);
    assert.deepEqual(await Promise.all([ask('a'), ask('a'), ask('a')]), ['a key', 'a key', 'a key']);
    state.nowMs += 10 * minute - 1;
    await ask('a');
    assert.equal(state.fetches, 1);
    state.nowMs += 1;
    await ask('a');
    assert.equal(state.fetches, 2);
  });

  it('that it takes back open nothing once it has been asked again', async () => {
    const { state, ask } = start(['a', 'b']);
    assert.equal(await ask('a'), 'a key');
    state.keyIds = ['b'];
    state.nowMs += 10 * minute;
    assert.equal(await ask('a'), 'unknown');
  });

  it('of a name that is not known are asked for at most once a minute', async () => {
    const { state, ask } = start(['a']);
    assert.equal(await ask('a'), 'a key');
    for (let each = 0; each < 100; each++) assert.equal(await ask(`invented-${each}`), 'unknown');
    assert.equal(state.fetches, 1);
    state.keyIds = ['a', 'new'];
    state.nowMs += minute;
    assert.equal(await ask('new'), 'a key');
    assert.equal(state.fetches, 2);
  });

  it('outlive its absence for a day, and no longer', async () => {
    const { state, ask } = start(['a']);
    await ask('a');
    state.isAway = true;
    state.nowMs += 23 * hour;
    assert.equal(await ask('a'), 'a key');
    assert.equal(await ask('new'), 'unavailable', 'it might know this one now');
    state.nowMs += hour;
    assert.equal(await ask('a'), 'unavailable');
  });

  it('that were never had open nothing: unavailable, and asked for again soon, not at each request', async () => {
    const { state, ask } = start(['a']);
    state.isAway = true;
    for (let each = 0; each < 50; each++) assert.equal(await ask('a'), 'unavailable');
    assert.deepEqual([state.fetches, state.failures], [1, 1]);
    state.isAway = false;
    state.nowMs += 5_000;
    assert.equal(await ask('a'), 'a key');
  });

  it('are kept from a minute to a day, whatever it says, and five minutes where it says nothing', async () => {
    const cases = [
      [null, 5 * minute],
      ['max-age=0', minute],
      ['no-store', minute],
      ['max-age=99999999', 24 * hour],
      ['max-age="120"', 2 * minute],
    ] as const;
    for (const [cacheControl, keptMs] of cases) {
      const { state, ask } = start(['a'], cacheControl);
      await ask('a');
      state.nowMs += keptMs - 1;
      await ask('a');
      assert.equal(state.fetches, 1, String(cacheControl));
      state.nowMs += 1;
      await ask('a');
      assert.equal(state.fetches, 2, String(cacheControl));
    }
  });

  it('that are none leave those before them in use', async () => {
    const { state, ask } = start(['a']);
    await ask('a');
    state.keyIds = Array.from({ length: 101 }, (_, at) => String(at));
    state.nowMs += 10 * minute;
    assert.equal(await ask('a'), 'a key');
    assert.equal(state.failures, 1);
  });
});
