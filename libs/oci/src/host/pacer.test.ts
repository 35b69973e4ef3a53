import assert from 'node:assert/strict';
import { Readable } from 'node:stream';
import { describe, it } from 'node:test';
import { manualClock } from './manual-clock.fixture.ts';
import { createPacer, pacedStream } from './pacer.ts';

const [one, other] = [{}, {}];

describe('a pacer', () => {
  it('holds bytes to their rate', async () => {
    const clock = manualClock();
    const pacer = createPacer(1_000, clock);
    let bytesPaid = 0;
    const goOn = (): void => void pacer.pay(one, 100, () => ((bytesPaid += 100), goOn()));
    goOn();
    await clock.pass(10_000);
    assert.ok(bytesPaid >= 9_900 && bytesPaid <= 10_200, `${bytesPaid} bytes in 10 s at 1000 a second`);
  });

  it('lets owners take turns, however many transfers each has', async () => {
    const clock = manualClock();
    const pacer = createPacer(1_000, clock);
    const paid = { one: 0, other: 0 };
    const go = (owner: object, name: 'one' | 'other'): void => void pacer.pay(owner, 100, () => (paid[name]++, go(owner, name)));
    for (let transfers = 0; transfers < 7; transfers++) go(one, 'one');
    go(other, 'other');
    await clock.pass(10_000);
    assert.ok(Math.abs(paid.one - paid.other) <= 2, JSON.stringify(paid));
  });

  it('forgets a wish that was taken back', async () => {
    const clock = manualClock();
    const pacer = createPacer(1_000, clock);
    pacer.pay(one, 5_000, () => {});
    const takeBack = pacer.pay(one, 100, () => assert.fail('it was taken back'));
    takeBack();
    assert.equal(clock.timersCount(), 0);
    await clock.pass(60_000);
  });
});

describe('a paced stream', () => {
  it('is the same stream', async () => {
    const clock = manualClock();
    const paced = pacedStream(Readable.from([Buffer.from('ab'), Buffer.from('cd')]), createPacer(1_000_000, clock), one);
    assert.equal(Buffer.concat(await paced.toArray()).toString(), 'abcd');
  });

  it('fails as it fails, and takes it along when it is destroyed before it was read', async () => {
    const pacer = createPacer(1_000_000, manualClock());
    const reason = new Error('cut');
    const failing = new Readable({ read: (): void => void failing.destroy(reason) });
    await assert.rejects(pacedStream(failing, pacer, one).toArray(), (error) => error === reason);
    const unread = new Readable({ read() {} });
    const paced = pacedStream(unread, pacer, one);
    paced.destroy();
    await new Promise((resolve) => unread.once('close', resolve));
  });
});
