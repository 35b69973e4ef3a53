// T1: kill -9 at named points. Where exactly does not matter to the result: that is the claim.
import { after, before, describe, it } from 'node:test';
import { startFaultCluster, type FaultCluster } from '../support/fault-cluster.ts';
import { checkedText, faultSeed, randomFor, recorded, tell } from '../support/fault-run.ts';
import { killAuditors, killRounds } from '../support/kill-rounds.ts';

const killsCount = Number(process.env['WAYBILL_FAULT_KILLS'] ?? 210);
const auditKillsCount = Math.ceil(killsCount / 7);
const onProgress = (line: string): void => tell('T1', line);

let cluster: FaultCluster;
before(async () => (cluster = await startFaultCluster({ count: 1 })));
after(() => cluster.stop());

describe(`T1, seed ${faultSeed}`, () => {
  it(`${killsCount} workers killed at named points leave nothing lost, doubled or out of order`, () =>
    recorded('T1', 'kill -9 at named points, one in ten with its disk', async () => {
      const options = { cluster, random: randomFor('T1'), run: 'kills', killsCount, killsPerOracle: 30, onProgress };
      const { killed, ...verdict } = await killRounds(options);
      const points = [...killed].map(([point, count]) => `${point} ${count}`).join(', ');
      return { faults: `${killsCount} kills: ${points}`, checked: checkedText(verdict) };
    }));

  it('the audit killed at the same points has no gap in its chains and no link twice', () =>
    recorded('T1', 'kill -9 of the audit at named points', async () => {
      const options = { cluster, random: randomFor('T1 audit'), run: 'audit-kills', killsCount: auditKillsCount, onProgress };
      await killAuditors(options);
      return { faults: `${auditKillsCount} kills`, checked: '`waybill audit verify`: every record, every link' };
    }));
});
