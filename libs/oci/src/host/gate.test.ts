import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { createGate, type Gate, type Lane } from './gate.ts';
import { manualClock } from './manual-clock.fixture.ts';

const [one, other] = [{}, {}];
const never = new AbortController().signal;

/** Asks to pass, and writes down who has passed. */
function entrance(gate: Gate) {
  const passed: string[] = [];
  const ask = (owner: object, name: string, lane: Lane = 'request', signal = never): Promise<void> => {
    const passing = gate.pass(owner, lane, signal) ?? Promise.resolve();
    return passing.then(() => void passed.push(name));
  };
  return { passed, ask };
}

describe('a gate', () => {
  it('lets so many in at once, and the next when one leaves', async () => {
    const clock = manualClock();
    const gate = createGate({ atOnceMax: 2, clock });
    const { passed, ask } = entrance(gate);
    for (const name of ['a', 'b', 'c', 'd']) void ask(one, name);
    await clock.pass(10_000);
    assert.deepEqual(passed, ['a', 'b']);
    gate.leave('request');
    await clock.pass(0);
    assert.deepEqual(passed, ['a', 'b', 'c']);
  });

  it('lets owners take turns', async () => {
    const clock = manualClock();
    const gate = createGate({ atOnceMax: 1, clock });
    const { passed, ask } = entrance(gate);
    for (const name of ['a1', 'a2', 'a3']) void ask(one, name);
    void ask(other, 'b1');
    for (let left = 0; left < 3; left++) {
      await clock.pass(0);
      gate.leave('request');
    }
    await clock.pass(0);
    assert.deepEqual(passed, ['a1', 'a2', 'b1', 'a3']);
  });

  it('keeps no upload waiting, for which a download may hold a place', async () => {
    const clock = manualClock();
    const gate = createGate({ atOnceMax: 1, clock });
    const { passed, ask } = entrance(gate);
    void ask(one, 'download');
    void ask(other, 'another download');
    for (const name of ['upload', 'another upload']) void ask(one, name, 'upload');
    await clock.pass(0);
    assert.deepEqual(passed, ['download', 'upload', 'another upload']);
  });

  it('lets so many in per second, whatever their lane', async () => {
    const clock = manualClock();
    const gate = createGate({ atOnceMax: 100, perSecondMax: 10, clock });
    const { passed, ask } = entrance(gate);
    for (let number = 0; number < 50; number++) void ask(one, String(number), number % 2 ? 'upload' : 'request');
    await clock.pass(1_000);
    assert.ok(passed.length >= 9 && passed.length <= 11, `${passed.length}`);
  });

  it('lets nobody in while it is paused, and everybody after, late comers too', async () => {
    const clock = manualClock();
    const gate = createGate({ atOnceMax: 100, clock });
    const { passed, ask } = entrance(gate);
    gate.pause(5_000);
    gate.pause(1_000); // A shorter one does not shorten it.
    void ask(one, 'early');
    await clock.pass(4_999);
    void ask(one, 'late');
    assert.deepEqual(passed, []);
    await clock.pass(1);
    assert.deepEqual(passed, ['early', 'late']);
    assert.equal(clock.timersCount(), 0);
  });

  it('lets go of who will not wait any more, at once, and leaves no timer behind', async () => {
    const clock = manualClock();
    const gate = createGate({ atOnceMax: 1, clock });
    const { passed, ask } = entrance(gate);
    gate.pause(60_000);
    const controller = new AbortController();
    const reason = new Error('revoked');
    const waiting = ask(one, 'gone', 'request', controller.signal);
    controller.abort(reason);
    await assert.rejects(waiting, (error) => error === reason);
    assert.equal(clock.timersCount(), 0);
    await clock.pass(60_000);
    await ask(other, 'next');
    assert.deepEqual(passed, ['next']);
  });
});
