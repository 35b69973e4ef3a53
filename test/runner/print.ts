import { verdict } from './outcome.ts';
import type { Outcome } from './outcome.ts';
import type { StepReport } from './suite.ts';

/** One line per step, and below it all of its faults. */
export function stepText({ suite, step, outcome, durationMs }: StepReport): string {
  const name = suite === step || step.includes('/') ? step : `${suite} ${step}`;
  const state = outcome.faults.length === 0 ? 'ok  ' : 'FAIL';
  const line = `${state}  ${name.padEnd(48)}  ${seconds(durationMs).padStart(8)}  ${verdict(outcome)}`;
  return [line, ...outcome.faults.map(({ where, what }) => indent(`${where}\n${indent(what)}`))].join('\n');
}

/** The end of a run: each skip with its reason, each fault by its place, and last, alone, the verdict. */
export function endText(outcome: Outcome, durationMs: number): string {
  const skips = outcome.skips.map(({ where, why }) => `skipped: ${where}: ${why}`);
  const faults = outcome.faults.map(({ where }) => `failed: ${where}`);
  return ['', ...skips, ...faults, `took ${seconds(durationMs)}`, verdict(outcome)].join('\n');
}

const seconds = (durationMs: number): string => `${(durationMs / 1_000).toFixed(1)} s`;
const indent = (text: string): string => text.replaceAll(/^(?=.)/gm, '    ');
