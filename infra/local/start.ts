import { spawn } from 'node:child_process';
import { closeSync, mkdirSync, openSync } from 'node:fs';
import { dirname, join, relative } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { parseArgs } from 'node:util';
import { takeDown } from './down.ts';
import { InfraError } from './errors.ts';
import { findPlan, findReport, findSupervisor, homeFiles, writePlan } from './home.ts';
import { environmentOf } from './launch.ts';
import { withLock } from './lock.ts';
import { homeDir, repositoryRoot } from './paths.ts';
import { logPathOf, planStack, secretsDirOf, type Plan } from './plan.ts';
import { isPortFree } from './ports.ts';
import { checkMachine } from './preflight.ts';
import { findLiving, identify, removeFile } from './process.ts';
import { prepareScanner } from './scanner-choice.ts';
import { appNames, localPorts } from './stack-ports.ts';
import type { PartState } from './supervised-part.ts';
import { renderTable } from './table.ts';
import { ensureGoTool, findProgram, isBrought } from './tools.ts';

const startMsMax = 5 * 60_000;
const tell = (line: string): void => console.log(`${(performance.now() / 1_000).toFixed(1).padStart(6)} s  ${line}`);

/** `npm start`: all of Waybill on this machine, in the background. A second one says that it runs. */
const { values } = parseArgs({ options: { 'without-apps': { type: 'boolean', default: false } } });
const home = homeDir();
try {
  await withLock(
    homeFiles(home).startLock,
    { timeoutMs: startMsMax, onWait: (pid) => tell(`process ${pid} is starting it, waiting`) },
    bringUp,
  );
} catch (error) {
  if (!(error instanceof InfraError)) throw error;
  console.error(`\n${error.message}\n\n${error.code}`);
  process.exitCode = 1;
}

async function bringUp(): Promise<void> {
  const running = findPlan(home);
  if (running !== undefined && findSupervisor(home) !== undefined) {
    console.log('It runs already.\n');
    return printSummary(running);
  }
  const orphans = await takeDown(home);
  if (orphans.length > 0) tell(`ended what an earlier crash left behind: ${orphans.join(', ')}`);
  const plan = await makePlan();
  await bringCrane();
  await checkPorts(plan);
  writePlan(plan);
  removeFile(homeFiles(home).report);
  const supervisorPid = spawnSupervisor();
  await followStart(supervisorPid);
  console.log('');
  printSummary(plan);
}

async function makePlan(): Promise<Plan> {
  const said = (name: string): string | undefined => process.env[name] || undefined;
  const elsewhere = {
    brokers: said('KAFKA_BROKERS'),
    schemaRegistryUrl: said('SCHEMA_REGISTRY_URL'),
    registryA: said('REGISTRY_A_HOST'),
    registryB: said('REGISTRY_B_HOST'),
  };
  const { brokers, schemaRegistryUrl } = elsewhere;
  const isMissing = (brokers === undefined && !isBrought('kafka')) || (schemaRegistryUrl === undefined && !isBrought('apicurio'));
  checkMachine({ java: brokers === undefined || schemaRegistryUrl === undefined, maven: isMissing });
  if (isMissing) tell('bringing what runs here: about 170 MB, once');
  return planStack({
    home,
    ports: localPorts(process.env['WAYBILL_PORT_BASE']),
    apps: values['without-apps'] ? [] : appNames,
    configDir: join(repositoryRoot, 'config'),
    env: await appEnvironment(),
    elsewhere,
    gatewayHost: said('GATEWAY_HOST'),
    onProgress: tell,
  });
}

/** For trying it out only: without it everything runs. */
async function bringCrane(): Promise<void> {
  if (findProgram('crane') !== undefined || findProgram('go') === undefined) return;
  await ensureGoTool('crane', { onProgress: tell }).catch((error: unknown) => tell(`no crane to push with: ${(error as Error).message}`));
}

/** What the caller may say to the apps; all else they have from the plan. */
async function appEnvironment(): Promise<Record<string, string>> {
  const said = Object.entries(process.env).filter(([name]) => /^(SCANNER(_[A-Z_]+)?|LOG_LEVEL)$/.test(name)) as [string, string][];
  const env = Object.fromEntries(said);
  return values['without-apps'] ? env : { ...env, ...(await prepareScanner({ env: process.env, onProgress: tell })) };
}

async function checkPorts(plan: Plan): Promise<void> {
  const ports = plan.parts
    .filter(({ mode }) => mode === 'serve')
    .map(({ launch }) => ({ name: launch.name, port: Number(/:(\d+)/.exec(launch.address.replace('://', ''))?.[1]) }));
  const free = await Promise.all(ports.map(({ port }) => isPortFree(port)));
  const taken = ports.filter((_, index) => free[index] === false).map(({ name, port }) => `${port} (${name})`);
  if (taken.length === 0) return;
  const how = 'end what listens there (ss -ltnp shows it), or shift all of ours: WAYBILL_PORT_BASE=1000 npm start';
  throw new InfraError('PORT_TAKEN', `Ports are taken: ${taken.join(', ')}; ${how}`);
}

/** Detached, so that it outlives this terminal. */
function spawnSupervisor(): number {
  const logPath = logPathOf(home, 'supervisor');
  mkdirSync(dirname(logPath), { recursive: true });
  const log = openSync(logPath, 'a', 0o600);
  const args = [join(import.meta.dirname, 'supervisor-main.ts'), home];
  const child = spawn(process.execPath, args, {
    detached: true,
    stdio: ['ignore', log, log],
    env: environmentOf({ env: {} }),
    cwd: repositoryRoot,
  });
  closeSync(log);
  child.unref();
  return child.pid as number;
}

async function followStart(supervisorPid: number): Promise<void> {
  const told = new Map<string, string>();
  const deadlineMs = performance.now() + startMsMax;
  for (;;) {
    const isGone = identify(supervisorPid) === undefined || performance.now() > deadlineMs; // Before the report: it writes, then ends.
    const report = findReport(home);
    for (const part of report?.parts ?? []) tellChange(part, told);
    if (report?.phase === 'running') return;
    if (isGone || report?.phase === 'failed') {
      await takeDown(home);
      const reason = report?.reason ?? `the supervisor did not come up: see ${logPathOf(home, 'supervisor')}`;
      throw new InfraError('NOT_READY', `${reason}\n\nEverything was stopped again.`);
    }
    await sleep(100);
  }
}

function tellChange({ name, status, lastEnd }: PartState, told: Map<string, string>): void {
  if (told.get(name) === status || status === 'waiting' || status === 'stopped') return;
  told.set(name, status);
  tell(`${name} ${status}${status === 'restarting' && lastEnd !== undefined ? ` after ${lastEnd}` : ''}`);
}

function printSummary(plan: Plan): void {
  const serving = plan.parts.filter(({ mode }) => mode === 'serve');
  const rows = serving.map(({ launch }) => [launch.name, launch.address, String(findLiving(launch.pidPath)?.pid ?? '-')]);
  console.log(renderTable([['what', 'address', 'pid'], ...rows]));
  const { registryA } = plan.addresses;
  const crane = findProgram('crane');
  const push =
    crane === undefined
      ? `docker push ${registryA}/demo/app:1`
      : `${relative('', crane)} push --insecure image.tar ${registryA}/demo/app:1`;
  console.log(`
Push an image:      ${push}
See its journey:    npx waybill trace ${registryA}/demo/app:1
See what runs:      npm run status, npm run logs [name] [-- -f]
End it:             npm run down; the data stays in ${home}
Webhook secrets:    ${secretsDirOf(home)}`);
}
