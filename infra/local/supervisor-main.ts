import { findPlan, homeFiles, writeReport, type Report } from './home.ts';
import { identify, removeFile, writePidFile } from './process.ts';
import { Supervisor } from './supervisor.ts';

/** The detached process behind `npm start`: starts what `plan.json` says, keeps it alive, ends it all on SIGTERM. */
const home = process.argv[2];
const plan = home === undefined ? undefined : findPlan(home);
const self = identify(process.pid);
if (home === undefined || plan === undefined || self === undefined) throw new Error('usage: supervisor-main.ts <home with a plan.json>');

let phase: Report['phase'] = 'starting';
const supervisor = new Supervisor(plan.parts, { onChange: (parts) => writeReport(home, { phase, parts }) });
const enter = (next: Report['phase'], reason?: string): void => {
  phase = next;
  writeReport(home, { phase, parts: supervisor.states(), ...(reason === undefined ? {} : { reason }) });
};

let isEnding = false;
async function end(): Promise<void> {
  if (isEnding) return;
  isEnding = true;
  if (phase !== 'failed') enter('stopping');
  await supervisor.stop();
  removeFile(homeFiles(home as string).supervisorPid);
  process.exit(phase === 'failed' ? 1 : 0);
}

writePidFile(homeFiles(home).supervisorPid, self);
for (const signal of ['SIGTERM', 'SIGINT'] as const) process.on(signal, () => void end());
process.on('SIGHUP', () => {}); // A closed terminal is no reason to stop.
setInterval(() => {}, 60_000); // Children do not keep the event loop alive.

try {
  await supervisor.start();
  if (!isEnding) enter('running');
} catch (error) {
  enter('failed', (error as Error).message);
  await end();
}
