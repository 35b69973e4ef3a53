import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { createTurns } from './turns.ts';

const [big, small, late] = [{}, {}, {}];
const drain = (turns: ReturnType<typeof createTurns<string>>): string => {
  let order = '';
  while (!turns.isEmpty()) order += turns.take();
  return order;
};

describe('taking turns', () => {
  it('gives each owner one at a time, however much another has waiting', () => {
    const turns = createTurns<string>();
    for (const item of 'ABCDE') turns.add(big, item);
    for (const item of 'xy') turns.add(small, item);
    assert.equal(turns.take(), 'A');
    turns.add(late, '1');
    assert.equal(drain(turns), 'xB1yCDE');
  });

  it('forgets what was removed, and an owner with nothing left', () => {
    const turns = createTurns<string>();
    for (const item of 'AB') turns.add(big, item);
    turns.add(small, 'x');
    turns.remove(big, 'A');
    turns.remove(small, 'x');
    turns.remove(late, 'never there');
    assert.equal(drain(turns), 'B');
    assert.equal(turns.take(), undefined);
  });
});
