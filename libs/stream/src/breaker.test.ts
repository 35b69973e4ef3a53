import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { createCircuit, type Verdict } from './breaker.ts';

const down: Verdict = { host: 'down' };
const up: Verdict = { host: 'up' };

function setUp() {
  const clock = { ms: 1_000_000 };
  const circuit = createCircuit({ nowMs: () => clock.ms, random: () => 1 });
  const tell = (verdict: Verdict): Promise<void> => circuit.enter()(verdict);
  const open = async (): Promise<void> => {
    for (let failures = 0; failures < 5; failures++) await tell(down);
  };
  return { clock, circuit, tell, open };
}

describe('a circuit', () => {
  it('opens after five failures in a row, and not before', async () => {
    const { clock, circuit, tell } = setUp();
    for (let failures = 0; failures < 4; failures++) await tell(down);
    assert.equal(circuit.opensAtMs, 0);
    await tell(up);
    for (let failures = 0; failures < 4; failures++) await tell(down);
    assert.equal(circuit.state, 'closed');
    await tell(down);
    assert.equal(circuit.state, 'open');
    assert.equal(circuit.opensAtMs, clock.ms + 1_000);
  });

  it('lets one probe through, and closes when it comes back', async () => {
    const { clock, circuit, open } = setUp();
    await open();
    clock.ms += 1_000;
    const tellProbe = circuit.enter();
    assert.equal(circuit.state, 'half-open');
    assert.equal(circuit.opensAtMs, Infinity);
    await tellProbe(up);
    assert.equal(circuit.state, 'closed');
    assert.ok(circuit.isFresh);
  });

  it('stays open twice as long after each failed probe, up to a minute', async () => {
    const { clock, circuit, tell, open } = setUp();
    await open();
    for (const seconds of [2, 4, 8, 16, 32, 60, 60]) {
      clock.ms = circuit.opensAtMs;
      await tell(down);
      assert.equal(circuit.opensAtMs - clock.ms, seconds * 1_000);
    }
  });

  it('says since when it has let nobody through freely', async () => {
    const { clock, circuit, tell, open } = setUp();
    const openedAtMs = clock.ms;
    assert.equal(circuit.openSinceMs, undefined);
    await open();
    for (let probes = 0; probes < 3; probes++) {
      clock.ms = circuit.opensAtMs;
      await tell(down);
      assert.equal(circuit.openSinceMs, openedAtMs);
    }
    clock.ms = circuit.opensAtMs;
    await tell(up);
    assert.equal(circuit.openSinceMs, undefined);
    await open();
    assert.equal(circuit.openSinceMs, clock.ms);
  });

  it('stays open at least as long as the host asks', async () => {
    const { clock, circuit, tell } = setUp();
    for (let failures = 0; failures < 5; failures++) await tell({ host: 'down', retryAfterMs: 90_000 });
    assert.equal(circuit.opensAtMs, clock.ms + 90_000);
  });

  it('goes by the time that it is given, not by that of the machine', async (test) => {
    const { clock, circuit, open } = setUp();
    await open();
    test.mock.method(Date, 'now', () => 0);
    clock.ms = circuit.opensAtMs;
    const tellProbe = circuit.enter();
    assert.equal(circuit.state, 'half-open');
    await tellProbe(up);
    assert.equal(circuit.state, 'closed');
  });

  it('is probed again at once where a probe was called off', async () => {
    const { clock, circuit, tell, open } = setUp();
    await open();
    clock.ms = circuit.opensAtMs;
    await tell({ host: 'unknown' });
    assert.equal(circuit.state, 'open');
    assert.equal(circuit.opensAtMs, clock.ms);
    await tell(down);
    assert.equal(circuit.opensAtMs - clock.ms, 2_000, 'as if it had not been');
  });

  it('takes a try that was called off for no answer', async () => {
    const { circuit, tell } = setUp();
    for (let failures = 0; failures < 4; failures++) await tell(down);
    await tell({ host: 'unknown' });
    assert.equal(circuit.state, 'closed');
    await tell(down);
    assert.equal(circuit.state, 'open');
  });

  it('is not closed by a try that began before it opened', async () => {
    const { circuit, open } = setUp();
    const tellLate = circuit.enter();
    await open();
    await tellLate(up);
    assert.equal(circuit.state, 'open');
  });
});
