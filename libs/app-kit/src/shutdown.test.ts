import assert from 'node:assert/strict';
import { it } from 'node:test';
import { createLogger } from './logger.ts';
import { closeSteps } from './shutdown.ts';

const logger = createLogger({ app: 'test', level: 'silent' });

it('closes one step after the other, and goes on after one that fails', async () => {
  const order: string[] = [];
  const step = (name: string, fails = false) => ({
    name,
    close: async () => {
      order.push(`${name} begins`);
      await Promise.resolve();
      if (fails) throw new Error('no');
      order.push(`${name} ends`);
    },
  });
  assert.equal(await closeSteps([step('http'), step('batches', true), step('log')], logger), 1);
  assert.deepEqual(order, ['http begins', 'http ends', 'batches begins', 'log begins', 'log ends']);
});
