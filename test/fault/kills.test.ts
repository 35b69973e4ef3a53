// T1: kill -9 at named points. Where exactly does not matter to the result: that is the claim.
import { after, before, describe, it } from 'node:test';
import { startFaultCluster, type FaultCluster } from '../support/fault-cluster.ts';
import { addRow, faultSeed, randomFor, tell } from '../support/fault-run.ts';
import { killAuditors, killRounds } from '../support/kill-rounds.ts';

const killsCount = Number(process.env['WAYBILL_FAULT_KILLS'] ?? 220);

let cluster: FaultCluster;
before(async () => (cluster = await startFaultCluster({ count: 1 })));
after(() => cluster.stop());

describe(`T1, seed ${faultSeed}`, () => {
  it(`${killsCount} workers killed at named points leave nothing lost, doubled or out of order`, async () => {
    const startedMs = performance.now();
    const onProgress = (line: string): void => tell('T1', line);
    const options = { cluster, random: randomFor('T1'), run: 'kills', killsCount, killsPerOracle: 22, onProgress };
    const { killed, inputsCount, outputsCount } = await killRounds(options);
    const points = [...killed].map(([point, count]) => `${point} ${count}`).join(', ');
    addRow({
      test: 'T1',
      what: `kill -9 at ${killed.size} named points`,
      faults: `${killsCount} kills: ${points}`,
      checked: `${inputsCount} deliveries, ${outputsCount} passed on`,
      tookMs: performance.now() - startedMs,
    });
  });

  it('the audit killed at the same points has no gap in its chains and no link twice', async () => {
    const startedMs = performance.now();
    const auditKills = Math.ceil(killsCount / 7);
    const onProgress = (line: string): void => tell('T1', line);
    await killAuditors({ cluster, random: randomFor('T1 audit'), run: 'audit-kills', killsCount: auditKills, onProgress });
    addRow({ test: 'T1', what: 'kill -9 of the audit', faults: `${auditKills} kills`, checked: 'waybill audit verify: every record, every link', tookMs: performance.now() - startedMs }); // prettier-ignore
  });
});
