// Goal: what a gateway with a spool has answered with 202 is in the log in the end, and in order, whatever is killed when.
// The long version is `npm run test:fault -- --only gateway`.
import assert from 'node:assert/strict';
import { after, before, describe, it } from 'node:test';
import { gatewayRound } from '../support/gateway-rounds.ts';
import { randomOf } from '../support/random.ts';
import { startCluster, type Cluster } from './stream.fixture.ts';

const seed = Number(process.env['WAYBILL_FAULT_SEED'] ?? Math.floor(Math.random() * 2 ** 32));
let cluster: Cluster;
before(async () => (cluster = await startCluster()));
after(() => cluster.stop());

describe(`a gateway with a spool, seed ${seed}`, () => {
  it('loses nothing and keeps the order while it and its broker are killed, alone and together', async () => {
    const faults = ['both-kill', 'broker-kill', 'gateway-kill'] as const;
    const verdict = await gatewayRound({ cluster, random: randomOf(seed), name: 'loss', sendersCount: 16, faults });
    assert.ok(verdict.accepted > 100 && verdict.drained > 0, `it was under load, and used its spool: ${JSON.stringify(verdict)}`);
  });
});
