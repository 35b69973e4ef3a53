import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import type { Credentials } from './credentials.ts';
import { keptSource } from './kept-source.ts';

const signal = AbortSignal.timeout(30_000);
const password = (more: object = {}): Credentials => ({ kind: 'password', username: 'u', password: 'p', ...more });

describe('credentials that take long to find', () => {
  it('are kept until a minute before their end', async () => {
    let [nowMs, askedCount] = [0, 0];
    const source = keptSource({ find: async () => (askedCount++, password({ expiresAtMs: nowMs + 600_000 })) }, () => nowMs);
    await source.find('a', signal);
    nowMs = 539_999;
    await source.find('a', signal);
    assert.equal(askedCount, 1);
    nowMs = 540_000;
    await source.find('a', signal);
    assert.equal(askedCount, 2);
  });

  it('are kept for a minute where they have no end, and each host has its own', async () => {
    let nowMs = 0;
    const asked: string[] = [];
    const source = keptSource({ find: async (host) => (asked.push(host), password()) }, () => nowMs);
    for (const host of ['a', 'b', 'a']) await source.find(host, signal);
    nowMs = 60_000;
    await source.find('a', signal);
    assert.deepEqual(asked, ['a', 'b', 'a']);
  });

  it('are found once for all who ask at the same time, of whom one may give up', async () => {
    let askedCount = 0;
    const gate = Promise.withResolvers<void>();
    const source = keptSource({ find: async () => (askedCount++, await gate.promise, password()) }, () => 0);
    const controller = new AbortController();
    const reason = new Error('revoked');
    const [first, second, third] = [source.find('a', controller.signal), source.find('a', signal), source.find('a', signal)];
    controller.abort(reason);
    await assert.rejects(first, (error) => error === reason);
    gate.resolve();
    assert.deepEqual(await Promise.all([second, third]), [password(), password()]);
    assert.equal(askedCount, 1);
  });

  it('are asked for again where there were none, and after a failure', async () => {
    const answers = [async () => undefined, async () => Promise.reject(new Error('down')), async () => password()];
    const source = keptSource({ find: () => answers.shift()!() }, () => 0);
    assert.equal(await source.find('a', signal), undefined);
    await assert.rejects(source.find('a', signal), /down/);
    assert.deepEqual(await source.find('a', signal), password());
  });
});
