import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import type { Plan } from './plan.ts';
import { findLiving, type ProcessIdentity, writeFileAtomic } from './process.ts';
import type { PartState } from './supervised-part.ts';

/** The files by which `npm start`, its supervisor, `status`, `logs` and `down` know of each other. */
export const homeFiles = (home: string) => ({
  plan: join(home, 'plan.json'),
  report: join(home, 'report.json'),
  supervisorPid: join(home, 'supervisor.pid'),
  startLock: join(home, 'start.lock'),
});

/** What the supervisor says of itself, written at every change. */
export type Report = {
  readonly phase: 'starting' | 'running' | 'stopping' | 'failed';
  readonly parts: readonly PartState[];
  /** Why it failed, for people. */
  readonly reason?: string;
};

/** The plan holds no secrets, yet it is nobody else's business. */
export function writePlan(plan: Plan): void {
  writeFileAtomic(homeFiles(plan.home).plan, JSON.stringify(plan, null, 2), 0o600);
}

export function writeReport(home: string, report: Report): void {
  writeFileAtomic(homeFiles(home).report, JSON.stringify(report, null, 2));
}

export const findPlan = (home: string): Plan | undefined => findJson<Plan>(homeFiles(home).plan);
export const findReport = (home: string): Report | undefined => findJson<Report>(homeFiles(home).report);
export const findSupervisor = (home: string): ProcessIdentity | undefined => findLiving(homeFiles(home).supervisorPid);

/** Written atomically by us alone, so what parses has the shape. */
function findJson<T>(path: string): T | undefined {
  try {
    return JSON.parse(readFileSync(path, 'utf8')) as T;
  } catch {
    return undefined;
  }
}
