import { parseArgs } from 'node:util';
import { findPlan, findReport, findSupervisor } from './home.ts';
import { isReady } from './launch.ts';
import { homeDir } from './paths.ts';
import { findLiving } from './process.ts';
import { renderDuration, renderTable } from './table.ts';

/** `npm run status`: what runs and serves, asked now rather than remembered. Exit 1 when something does not serve. */
const { values } = parseArgs({ options: { output: { type: 'string', default: 'table' } } });
if (values.output !== 'table' && values.output !== 'json') {
  console.error('usage: npm run status [-- --output json]');
  process.exit(2);
}

const home = homeDir();
const supervisor = findSupervisor(home);
const report = findReport(home);
const serving = findPlan(home)?.parts.filter(({ mode }) => mode === 'serve') ?? [];

const rows = await Promise.all(
  serving.map(async ({ launch }) => {
    const living = findLiving(launch.pidPath);
    const reported = report?.parts.find(({ name }) => name === launch.name);
    const ready = living !== undefined && (await isReady(launch.probe));
    const state = living === undefined ? 'down' : supervisor === undefined ? 'orphan' : (reported?.status ?? 'unknown');
    const uptimeMs = living === undefined || reported?.startedAtMs === undefined ? null : Date.now() - reported.startedAtMs;
    const { name, address } = launch;
    return {
      name,
      state,
      pid: living?.pid ?? null,
      uptimeMs,
      restarts: reported?.restarts ?? 0,
      address,
      ready,
      lastEnd: reported?.lastEnd ?? null,
    };
  }),
);
const isAllReady = supervisor !== undefined && rows.length > 0 && rows.every(({ ready }) => ready);

if (values.output === 'json') {
  console.log(JSON.stringify({ ready: isAllReady, supervisorPid: supervisor?.pid ?? null, parts: rows }, null, 2));
} else if (rows.length === 0) {
  console.log('Nothing was started here yet: npm start');
} else {
  const cells = rows.map((row) => [
    row.name,
    row.state,
    row.pid === null ? '-' : String(row.pid),
    row.uptimeMs === null ? '-' : renderDuration(row.uptimeMs),
    String(row.restarts),
    row.address,
    row.ready ? 'yes' : 'no',
  ]);
  console.log(renderTable([['name', 'state', 'pid', 'uptime', 'restarts', 'address', 'ready'], ...cells]));
  if (supervisor === undefined) console.log('\nIt does not run: npm start');
  else if (!isAllReady) console.log('\nNot all of it serves: npm run logs <name> says why');
}
process.exitCode = isAllReady ? 0 : 1;
