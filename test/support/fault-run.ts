// A fault run's seed, what it tells while it goes on, and the rows that its report is made of.
import { appendFileSync } from 'node:fs';
import type { Verdict } from './oracle.ts';
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

/** How the run's own process recognises the two ends of a row. */
export const marks = { begins: ' begins: ', fails: ' FAILS: ' } as const;

/** What has been done to it, and what the oracle has looked at. */
export type Findings = { readonly faults: string; readonly checked: string };
export type FaultRow = Findings & { readonly test: string; readonly what: string; readonly tookMs: number };

/** Runs a test's body; what it has found becomes a row of the report when everything has held. */
export async function recorded(test: string, what: string, body: () => Promise<Findings>): Promise<void> {
  const startedMs = performance.now();
  const seconds = (): string => ((performance.now() - startedMs) / 1_000).toFixed(0);
  tell(test, `${marks.begins}${what}`);
  const findings = await body().catch((error: unknown) => {
    tell(test, `${marks.fails}after ${seconds()} s: ${String(error).split('\n', 1)[0]}`);
    throw error;
  });
  tell(test, `holds after ${seconds()} s`);
  const row: FaultRow = { test, what, ...findings, tookMs: performance.now() - startedMs };
  const path = process.env['WAYBILL_FAULT_ROWS'];
  if (path !== undefined) appendFileSync(path, `${JSON.stringify(row)}\n`);
}

/** For a report. */
export const checkedText = ({ inputsCount, outputsCount, rowsCount }: Verdict): string =>
  `${inputsCount} deliveries, ${outputsCount} passed on, ${rowsCount} rows`;
