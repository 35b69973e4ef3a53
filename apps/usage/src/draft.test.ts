import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import type { Context } from '@waybill/stream';
import { createDraft } from './draft.ts';

const stored = ['copy/a/app:v1', 'copy/a/app:v2', 'copy/a/apple:v1'];
const context = {
  get: () => undefined,
  keys: (_, { after = '', limit }) => stored.filter((key) => key > after).slice(0, limit),
} as Partial<Context> as Context;

describe('keys that begin with a text', () => {
  const { keys } = createDraft(context, { atMs: 0, partition: 0 });
  it('are those, and no others behind them', () => assert.deepEqual(keys('copy/a/app:', 10), ['copy/a/app:v1', 'copy/a/app:v2']));
  it('are so many at most', () => assert.deepEqual(keys('copy/a/app:', 1), ['copy/a/app:v1']));
});
