import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { runSchedule } from './schedule.ts';
import { newActor, Scheduler } from './scheduler.ts';

describe('the scheduler', () => {
  it('does the same for the same seed, action by action, and something else for another', async () => {
    const [first, again, other] = [await runSchedule(11), await runSchedule(11), await runSchedule(12)];
    assert.ok(first.actions.length > 100);
    assert.deepEqual(again.actions, first.actions);
    assert.notDeepEqual(other.actions, first.actions);
  });

  it('lets everything settle between two actions, and time stand still while there is something to do', async () => {
    const scheduler = new Scheduler(1);
    const seen: string[] = [];
    const { promise, resolve } = Promise.withResolvers<void>();
    const deep = async (name: string): Promise<void> => {
      for (let hops = 0; hops < 50; hops++) await Promise.resolve();
      seen.push(`${name} at ${scheduler.elapsedMs}`);
    };
    for (const name of ['a', 'b', 'c']) scheduler.post(name, () => void deep(name));
    scheduler.post('later', () => void deep('later').then(resolve), { delayMs: 5 });
    await scheduler.run(promise);
    assert.deepEqual(seen.toSorted(), ['a at 0', 'b at 0', 'c at 0', 'later at 5']);
  });

  it('lets the actions of a paused actor wait, and forgets those of a dead one', async () => {
    const scheduler = new Scheduler(1);
    const [paused, dead] = [newActor('paused'), newActor('dead')];
    const seen: string[] = [];
    const clock = scheduler.clockOf(newActor('clock'));
    paused.status = 'paused';
    void scheduler.clockOf(paused).sleep(10).then(() => seen.push(`paused at ${scheduler.elapsedMs}`)); // prettier-ignore
    void scheduler.clockOf(dead).sleep(10).then(() => seen.push('dead')); // prettier-ignore
    scheduler.kill(dead);
    const script = async (): Promise<void> => {
      await clock.sleep(100);
      paused.status = 'running';
      await clock.sleep(100);
    };
    await scheduler.run(script());
    assert.deepEqual(seen, ['paused at 100']);
  });

  it('tells what hangs from what runs in a circle', async () => {
    await assert.rejects(new Scheduler(1).run(new Promise(() => undefined)), /something waits for ever/);
    const scheduler = new Scheduler(1);
    const again = (): void => void scheduler.post('again', again);
    again();
    await assert.rejects(scheduler.run(new Promise(() => undefined), { actionsMax: 100, virtualMsMax: 1 }), /no end after 100 actions/);
  });

  it('has a sleep that ends with the reason of its signal', async () => {
    const scheduler = new Scheduler(1);
    const closing = new AbortController();
    const sleeping = scheduler.clockOf(newActor('sleeper')).sleep(1_000, closing.signal);
    scheduler.post('abort', () => closing.abort(new Error('enough')));
    await assert.rejects(scheduler.run(sleeping), /enough/);
    assert.equal(scheduler.elapsedMs, 0);
  });
});
