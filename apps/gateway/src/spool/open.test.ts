import assert from 'node:assert/strict';
import { existsSync, mkdtempSync, readdirSync, rmSync, statSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { it } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import { createLogger } from '@waybill/app-kit';
import { Registry } from 'prom-client';
import { bearer, encoding, memoryLog, push, startGateway } from '../gateway.fixture.ts';
import { openOverflow } from './overflow.ts';

it('the spool of a folder: made for its owner only, said what is in it, handed over in order, empty in the end', async () => {
  const root = mkdtempSync(join(tmpdir(), 'waybill-spool-'));
  const dir = join(root, 'data/spool');
  let isAway = true;
  const memory = memoryLog(() => (isAway ? Promise.reject(new Error('no broker')) : Promise.resolve()));
  const log = { append: memory.append, encoding: () => encoding };
  let logged = '';
  const open = async () => {
    const registry = new Registry();
    const overflow = await openOverflow({
      ...{ dir, bytesMax: 16_777_216, appendBytesMax: 1_000, log, registry, nowMs: Date.now },
      logger: createLogger({ app: 'gateway', level: 'info', destination: { write: (line: string) => void (logged += line) } }),
    });
    return { ...(await startGateway(memory.append, {}, { overflow })), registry, overflow };
  };

  const first = await open();
  await first.post('distribution', { events: [push('e1')] }, bearer);
  await first.overflow.close();
  assert.equal(statSync(dir).mode & 0o777, 0o700);
  assert.ok(readdirSync(dir).some((name) => name.endsWith('.spool')));
  assert.match(await first.registry.metrics(), /waybill_gateway_spool_deliveries 1\n/);

  const second = await open();
  assert.match(logged, /"deliveries":1,.*the spool holds deliveries of before/);
  await assert.rejects(open(), { code: 'SPOOL_IN_USE' });
  isAway = false;
  while (second.overflow.spool.leftBytes > 0) await sleep(5);
  await second.overflow.close();
  assert.match(logged, /the spool is drained/);
  assert.match(await second.registry.metrics(), /waybill_gateway_spool_drained_total 1\n/);
  assert.deepEqual(memory.records().map(({ topic }) => topic.split('.')[1]), ['deliveries', 'image-events']); // prettier-ignore
  assert.ok(!readdirSync(dir).some((name) => name.endsWith('.spool')) && existsSync(join(dir, 'position')));
  rmSync(root, { recursive: true });
});
