// A fault run's seed, what it tells while it goes on, and the rows that its report is made of.
import { appendFileSync } from 'node:fs';
import { randomOf, type Random } from './random.ts';

/** `WAYBILL_FAULT_SEED` repeats a run; without it each run is another one. */
export const faultSeed = Number(process.env['WAYBILL_FAULT_SEED'] ?? Math.floor(Math.random() * 2 ** 32));

/** Numbers of one test of the run: they do not depend on which other tests run. */
export const randomFor = (test: string): Random =>
  randomOf([...test].reduce((hash, char) => Math.imul(hash, 31) + char.charCodeAt(0), faultSeed));

const startedAtMs = performance.now();

/** Where the run's own process reads it: node:test keeps what a test file prints until the file has ended. */
export function tell(test: string, what: string): void {
  const line = `${test.padEnd(4)} ${((performance.now() - startedAtMs) / 1_000).toFixed(0).padStart(4)} s  ${what}`;
  const path = process.env['WAYBILL_FAULT_PROGRESS'];
  if (path === undefined) console.log(line);
  else appendFileSync(path, `${line}\n`);
}

export type FaultRow = {
  readonly test: string;
  readonly what: string;
  readonly faults: string;
  readonly checked: string;
  readonly tookMs: number;
};

/** Called when everything that a test claims has held. */
export function addRow(row: FaultRow): void {
  const path = process.env['WAYBILL_FAULT_ROWS'];
  if (path !== undefined) appendFileSync(path, `${JSON.stringify({ ...row, seed: faultSeed })}\n`);
}
