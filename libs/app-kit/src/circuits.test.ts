import assert from 'node:assert/strict';
import { it } from 'node:test';
import { openCircuits } from './circuits.ts';

it('tells of hosts that are left alone, the longest first, and of so many only', () => {
  const closed = { kind: 'copy', host: 'up', state: 'closed', openSinceMs: undefined } as const;
  const probed = { kind: 'copy', host: 'probed', state: 'half-open', openSinceMs: 1_000 } as const;
  const many = Array.from(
    { length: 300 },
    (_, index) => ({ kind: 'scan', host: `h${index}`, state: 'open', openSinceMs: 9_000 - index }) as const,
  );
  const shown = openCircuits([closed, ...many, probed]);
  assert.equal(shown.length, 100);
  assert.deepEqual(shown.slice(0, 2), [probed, many.at(-1)]);
});
