import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { ManualClock } from './job-pool.fixture.ts';
import { SteadyTime } from './steady-time.ts';

const hourMs = 3_600_000;

function setUp() {
  const clock = new ManualClock();
  return { clock, startMs: clock.ms, time: new SteadyTime(clock) };
}

describe('time for waiting', () => {
  it('goes on from where it stood when the clock is set back', () => {
    const { clock, startMs, time } = setUp();
    const dueMs = time.when(clock.ms + 1_000);
    clock.ms -= hourMs;
    assert.equal(time.now(), startMs);
    clock.ms += 999;
    assert.ok(time.now() < dueMs);
    clock.ms += 1;
    assert.equal(time.now(), dueMs);
  });

  it('goes along when the clock is set forward', () => {
    const { clock, time } = setUp();
    const dueMs = time.when(clock.ms + hourMs);
    clock.ms += hourMs;
    assert.equal(time.now(), dueMs);
  });

  it('counts what is asked for after a change by the new clock', () => {
    const { clock, time } = setUp();
    time.now();
    clock.ms -= hourMs;
    assert.equal(time.when(clock.ms + 5) - time.now(), 5);
  });

  it('counts what has gone by between two looks, though the clock was set back in between', async () => {
    const { clock, startMs, time } = setUp();
    let calledAtMs = 0;
    time.after(5_000, () => (calledAtMs = time.now()));
    await clock.pass(1_000);
    clock.ms -= hourMs;
    await clock.pass(4_000);
    assert.equal(calledAtMs, startMs + 5_000);
  });

  it('does not run ahead because timers come a little early', async () => {
    const { clock, startMs, time } = setUp();
    for (let naps = 0; naps < 100; naps++) {
      time.after(10, () => undefined);
      clock.ms -= 1;
      await clock.pass(10);
    }
    assert.equal(time.now(), startMs + 900);
  });
});
