// T2 and T3: three brokers that die, stop and restart, and a network between them and the workers that loses, cuts and delays.
import assert from 'node:assert/strict';
import { after, before, describe, it } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import type { Broker } from '../support/brokers.ts';
import { startFaultCluster, type FaultCluster } from '../support/fault-cluster.ts';
import { checkedText, faultSeed, randomFor, recorded, tell } from '../support/fault-run.ts';
import { crashesOf, faultsOf, startLasting } from '../support/lasting.ts';
import { inflict, networkFaults } from '../support/network-faults.ts';
import { countOf } from '../support/read-log.ts';

const pushesCount = Number(process.env['WAYBILL_FAULT_PUSHES'] ?? 100_000);

let cluster: FaultCluster;
before(async () => (cluster = await startFaultCluster({ count: 3 })));
after(() => cluster.stop());

type BrokerFault = { readonly name: string; readonly inflict: (all: readonly Broker[], victim: Broker) => Promise<void> };
const brokerFaults: readonly BrokerFault[] = [
  {
    name: 'kill -9',
    async inflict(_all, victim) {
      await victim.kill();
      await sleep(3_000);
      await victim.start();
    },
  },
  {
    name: 'clean stop',
    async inflict(_all, victim) {
      await victim.stop();
      await sleep(2_000);
      await victim.start();
    },
  },
  {
    name: 'frozen for 8 s',
    async inflict(_all, victim) {
      victim.freeze();
      await sleep(8_000);
      victim.thaw();
    },
  },
  {
    name: 'rolling restart',
    async inflict(all) {
      for (const broker of all) {
        await broker.stop();
        await broker.start();
        await sleep(1_000); // One at a time: the replicas of the last one have to be in sync again.
      }
    },
  },
];

describe(`T2, seed ${faultSeed}`, () => {
  it(`brokers that go one at a time under ${pushesCount} pushes cost nothing but time`, () =>
    recorded('T2', 'three brokers, one of them at a time', async () => {
      const random = randomFor('T2');
      const lasting = await startLasting({ cluster, random, run: 'brokers', pushesPerSecond: 1_500, workersCount: 2 });
      const done: string[] = [];
      for (let round = 0; round < brokerFaults.length || lasting.feed.count() < pushesCount; round++) {
        const fault = brokerFaults[round % brokerFaults.length]!;
        await fault.inflict(cluster.brokers.all, random.pick(cluster.brokers.all));
        done.push(fault.name);
        tell('T2', `${fault.name}; ${lasting.feed.count()} of ${pushesCount} pushes; recovered from ${faultsOf(lasting)}`);
      }
      const verdict = await lasting.check();
      return { faults: `${countOf(done)}; worker restarts: ${crashesOf(lasting)}`, checked: checkedText(verdict) };
    }));
});

describe(`T3, seed ${faultSeed}`, () => {
  it('a network that cuts, loses, delays and slices costs nothing but time', () =>
    recorded('T3', 'a proxy before each broker', async () => {
      const random = randomFor('T3');
      const options = { cluster, random, run: 'network', pushesPerSecond: 200, workersCount: 2, isSenderDisturbed: true };
      const lasting = await startLasting(options);
      await lasting.catchUp();
      const done: string[] = [];
      for (const fault of networkFaults) {
        const hits = await inflict(cluster.brokers, fault, random);
        assert.ok(hits > 0, `${fault.name}: something is hit`);
        done.push(`${fault.name} ${hits}`);
        const healedMs = performance.now();
        await lasting.catchUp(90_000);
        tell('T3', `${fault.name}: ${hits} hits, all caught up ${((performance.now() - healedMs) / 1_000).toFixed(1)} s after`);
      }
      const verdict = await lasting.check();
      return { faults: `${done.join(', ')}; worker restarts: ${crashesOf(lasting)}`, checked: checkedText(verdict) };
    }));
});
