import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { createSlots } from './slots.ts';

const never = new AbortController().signal;
const turnOver = () => new Promise<void>((resolve) => void setImmediate(resolve));

describe('slots', () => {
  it('are given to the owners in turns, however much one of them has waiting', async () => {
    const slots = createSlots(1);
    const [large, small] = [{}, {}];
    const order: string[] = [];
    const work = async (owner: object, name: string): Promise<void> => {
      const giveBack = await slots.take(owner, never);
      order.push(name);
      await turnOver();
      giveBack();
    };
    const all = ['l1', 'l2', 'l3', 'l4', 'l5'].map((name) => work(large, name));
    all.push(work(small, 's1'), work(small, 's2'));
    await Promise.all(all);
    assert.deepEqual(order, ['l1', 'l2', 's1', 'l3', 's2', 'l4', 'l5']);
  });

  it('are never more than there are', async () => {
    const slots = createSlots(3);
    let inside = 0;
    let insideMax = 0;
    const work = async (): Promise<void> => {
      const giveBack = await slots.take({}, never);
      insideMax = Math.max(insideMax, ++inside);
      await turnOver();
      inside--;
      giveBack();
    };
    await Promise.all(Array.from({ length: 20 }, work));
    assert.deepEqual([insideMax, inside], [3, 0]);
  });

  it('are not lost to those who no longer wait', async () => {
    const slots = createSlots(1);
    const giveBack = await slots.take({}, never);
    const reason = new Error('gone');
    const controller = new AbortController();
    const gone = slots.take({}, controller.signal);
    const next = slots.take({}, never);
    controller.abort(reason);
    await assert.rejects(gone, (error) => error === reason);
    giveBack();
    (await next)();
    (await slots.take({}, never))();
    await assert.rejects(slots.take({}, controller.signal), (error) => error === reason);
  });
});
