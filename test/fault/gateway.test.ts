// `npm run test:fault -- --only gateway`: the short round of the integration tests again and again, with every fault there is.
import { writeFileSync } from 'node:fs';
import { cpus } from 'node:os';
import { join } from 'node:path';
import { after, before, describe, it } from 'node:test';
import { startCluster, type Cluster } from '../integration/stream.fixture.ts';
import { faultSeed, marks, randomFor, tell } from '../support/fault-run.ts';
import { gatewayFaults, gatewayRound } from '../support/gateway-rounds.ts';

const roundsCount = 20;
const faultsPerRound = 2;
const sendersCount = 32;
const rows: string[] = [];
let cluster: Cluster;
before(async () => (cluster = await startCluster()));
after(async () => {
  await cluster.stop();
  writeReport();
});

describe(`${roundsCount} rounds of ${sendersCount} senders while the gateway and its broker are killed, seed ${faultSeed}`, () => {
  for (let round = 1; round <= roundsCount; round++) {
    it(`round ${round}: all that was answered with 202 is in the log, in order`, async () => {
      const random = randomFor(`gateway-${round}`);
      const faults = Array.from({ length: faultsPerRound }, () => random.pick(gatewayFaults));
      const verdict = await gatewayRound({ cluster, random, name: `round${round}`, sendersCount, faults }).catch((error: unknown) => {
        tell('gateway', `round ${round}${marks.fails}${faults.join(', ')}: ${String(error).split('\n', 1)[0]}`);
        throw error;
      });
      const { accepted, refused, unanswered, repeats, drained, tookMs } = verdict;
      const seconds = (tookMs / 1_000).toFixed(0);
      tell('gateway', `round ${round} of ${roundsCount}: ${accepted} accepted, none lost, ${faults.join(', ')}; ${seconds} s`);
      rows.push(`| ${[round, faults.join(', '), accepted, 0, 0, refused, unanswered, repeats, drained, seconds].join(' | ')} |`);
    });
  }
});

/** Kept in git: what was run, where, and what came of it. Written only when every round has held. */
function writeReport(): void {
  if (rows.length !== roundsCount) return;
  const machine = `${cpus().length} cores (${cpus()[0]?.model ?? 'unknown'}), Node ${process.version}`;
  const commit = process.env['WAYBILL_FAULT_COMMIT'] ?? 'not committed';
  const head = [
    '| round | faults | accepted | lost | out of order | refused | unanswered | repeats in the log | times drained | seconds |',
    '|---|---|---|---|---|---|---|---|---|---|',
  ];
  const text = [
    '# Faults of the gateway',
    [
      `\`npm run test:fault -- --only gateway --seed ${faultSeed}\` on ${new Date().toISOString().slice(0, 10)}, commit ${commit},`,
      `${machine}, one broker.`,
    ].join('\n'),
    [
      `Each round: ${sendersCount} senders, each with a repository of its own, one delivery at a time, to one gateway with a spool, while`,
      'the gateway and the broker are killed with -9, stopped and frozen. A sender repeats what is not answered with 202, or gives it up.',
      'A round ends when the spool is drained. Then every delivery that was answered with 202 is looked for in the log, and the first',
      'events of each repository must stand in the order of their answers. `unanswered` are requests whose connection was refused or cut.',
      'Repeats have the ids of the first: dedup passes one on.',
    ].join('\n'),
    [...head, ...rows].join('\n'),
  ];
  writeFileSync(join(import.meta.dirname, '../../docs/reports/gateway-faults.md'), `${text.join('\n\n')}\n`);
}
