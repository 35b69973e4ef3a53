// `npm run test:fault`: the short run of the end-to-end tests, drawn out: 300 pushes for each victim, killed again and again.
import { mkdirSync, writeFileSync } from 'node:fs';
import { cpus } from 'node:os';
import { join } from 'node:path';
import { after, before, describe, it } from 'node:test';
import { startWaybill, type Waybill } from '../e2e/waybill.fixture.ts';
import { crashRound, victims } from '../support/crash-round.ts';
import { tell } from '../support/fault-run.ts';

const pushesCount = 300;
const rows: string[] = [];
let waybill: Waybill;
before(async () => (waybill = await startWaybill()));
after(async () => {
  await waybill.stop();
  writeReport();
});

describe(`${pushesCount} pushes while one part is killed with -9 as often as it comes up`, () => {
  for (const victim of victims) {
    it(`${victim}: nothing is lost, nothing is doubled, the chain is whole`, async () => {
      const { killed, tookMs } = await crashRound({ waybill, name: victim, pushesCount, victims: [victim] });
      tell('crash', `${victim}: ${killed} kills, ${(tookMs / 1_000).toFixed(0)} s; ${rows.length + 1} of ${victims.length}`);
      rows.push(`| ${victim} | ${killed} | ${pushesCount} | 0 | 0 | ${(tookMs / 1_000).toFixed(0)} |`);
    });
  }
});

/** Kept in git: what was run, where, and what came of it. Written only when every round has held. */
function writeReport(): void {
  if (rows.length !== victims.length) return;
  const machine = `${cpus().length} cores (${cpus()[0]?.model ?? 'unknown'}), Node ${process.version}`;
  const commit = process.env['WAYBILL_FAULT_COMMIT'] ?? 'not committed';
  const head = ['| killed | times | pushes | lost | doubled | seconds |', '|---|---|---|---|---|---|'];
  const text = [
    '# Crash rounds',
    `\`npm run test:fault\` on ${new Date().toISOString().slice(0, 10)}, commit ${commit}, ${machine}, one broker, one process per app.`,
    [
      'Each round: pushes from four clients into one registry while one part is killed with -9 as often as it is back. It ends when every',
      'image is at the second registry, then counts events, decisions and copies in the log and verifies the audit.',
    ].join('\n'),
    [...head, ...rows].join('\n'),
  ];
  const folder = join(import.meta.dirname, '../../docs/reports');
  mkdirSync(folder, { recursive: true });
  writeFileSync(join(folder, 'crash.md'), `${text.join('\n\n')}\n`);
}
