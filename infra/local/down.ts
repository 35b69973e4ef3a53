import { setTimeout as sleep } from 'node:timers/promises';
import { findPlan, findReport, findSupervisor, homeFiles } from './home.ts';
import { homeDir } from './paths.ts';
import { findLiving, killProcess, removeFile, signalGroup, stopProcess } from './process.ts';

/** Everything's grace one after the other, and a little: more means that the supervisor itself hangs. */
const downMsMax = 120_000;

/**
 * Ends the stack of `home`: through its supervisor, in the data's direction; then whatever a dead supervisor left behind.
 * @returns the names of the parts that were ended
 * @throws InfraError `STILL_RUNNING` when something outlives SIGKILL
 */
export async function takeDown(home: string, onProgress: (line: string) => void = () => {}): Promise<readonly string[]> {
  const parts = findPlan(home)?.parts ?? [];
  const supervisor = findSupervisor(home);
  const living = parts.filter(({ launch }) => findLiving(launch.pidPath) !== undefined).map(({ launch }) => launch.name);
  if (supervisor !== undefined) {
    const told = new Set<string>();
    const tell = (name: string): void => {
      if (told.has(name)) return;
      told.add(name);
      onProgress(`${name} stopped`);
    };
    signalGroup(supervisor, 'SIGTERM');
    for (const deadlineMs = performance.now() + downMsMax; findSupervisor(home) !== undefined; await sleep(100)) {
      for (const { name, status } of findReport(home)?.parts ?? []) {
        if (status === 'stopped' && living.includes(name)) tell(name);
      }
      if (performance.now() > deadlineMs) await killProcess(supervisor);
    }
    living.toReversed().forEach(tell); // What ended between the last look and the supervisor's own end.
  }
  await endOrphans(parts);
  removeFile(homeFiles(home).supervisorPid);
  return living;
}

async function endOrphans(parts: NonNullable<ReturnType<typeof findPlan>>['parts']): Promise<void> {
  for (const { launch } of parts.toSorted((a, b) => b.phase - a.phase)) {
    const orphan = findLiving(launch.pidPath);
    if (orphan !== undefined) await stopProcess(orphan, launch.stopGraceMs);
    removeFile(launch.pidPath);
  }
}

if (import.meta.main) {
  const ended = await takeDown(homeDir(), (line) => console.log(`  ${line}`));
  console.log(ended.length === 0 ? 'Nothing runs.' : `Stopped ${ended.length} parts; the data stays for the next npm start.`);
}
