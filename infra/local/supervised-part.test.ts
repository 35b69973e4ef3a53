import assert from 'node:assert/strict';
import { existsSync, mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, describe, it } from 'node:test';
import { start, type Launch } from './launch.ts';
import { pickPorts } from './ports.ts';
import { identify } from './process.ts';
import { SupervisedPart } from './supervised-part.ts';
import { Supervisor } from './supervisor.ts';

const dir = mkdtempSync(join(tmpdir(), 'waybill-supervisor-'));
after(() => rmSync(dir, { recursive: true }));

/** A real process that listens, or whatever else the script does; `ORDER` is a file to which it may append its name. */
async function launchOf(name: string, script: string): Promise<Launch> {
  const [port] = await pickPorts(1);
  return {
    name,
    command: process.execPath,
    args: ['-e', script],
    env: { PORT: String(port), NAME: name, ORDER: join(dir, 'order') },
    logPath: join(dir, `${name}.log`),
    pidPath: join(dir, `${name}.pid`),
    address: `127.0.0.1:${port}`,
    probe: { kind: 'tcp', port: port as number },
    readyTimeoutMs: 10_000,
    stopGraceMs: 2_000,
  };
}
const listen = `
const say = (word) => require('fs').appendFileSync(process.env.ORDER, word + ' ' + process.env.NAME + '\\n');
process.on('SIGTERM', () => { say('stop'); process.exit(0); });
require('net').createServer().listen(process.env.PORT, '127.0.0.1', () => say('start'));`;

describe('a supervised process', () => {
  it('comes back when it is killed, under another pid, and counts it', async () => {
    const part = new SupervisedPart(await launchOf('killed', listen), () => {});
    await part.start();
    const { pid } = part.state;
    await part.kill();
    assert.notEqual(part.state.status, 'ready');
    await part.ready(10_000);
    assert.notEqual(part.state.pid, pid);
    assert.equal(part.state.restarts, 1);
    assert.equal(part.state.lastEnd, 'SIGKILL');
    await part.stop();
    assert.equal(identify(part.state.pid ?? -1), undefined);
  });

  it('stays away while held, and comes back when released', async () => {
    const part = new SupervisedPart(await launchOf('held', listen), () => {});
    await part.start();
    await part.hold();
    await assert.rejects(part.ready(700), { code: 'NOT_READY', message: /held is held/ });
    part.release();
    await part.ready(10_000);
    await part.stop();
  });

  it('stops while held, leaving nothing', async () => {
    const part = new SupervisedPart(await launchOf('held-stopped', listen), () => {});
    await part.start();
    await part.hold();
    await part.stop();
    assert.equal(part.state.status, 'stopped');
    assert.equal(existsSync(part.launch.pidPath), false);
  });

  it('that dies again and again is an error with its last words', async () => {
    const part = new SupervisedPart(await launchOf('dying', `console.log('no such topic'); process.exit(7)`), () => {}, {
      delayMsMin: 1,
      delayMsMax: 10,
      stableMs: 30_000,
    });
    await assert.rejects(part.start(), { code: 'NOT_READY', message: /dying ended 5 times(.|\n)*no such topic/ });
    assert.equal(part.state.lastEnd, 'exit code 7');
    await part.stop();
  });

  it('that lives but never serves is an error once its time is up', async () => {
    const launch = await launchOf('silent', `console.log('thinking'); setInterval(() => {}, 1000)`);
    const part = new SupervisedPart({ ...launch, readyTimeoutMs: 600 }, () => {});
    await assert.rejects(part.start(), { code: 'NOT_READY', message: /did not answer within 600 ms(.|\n)*thinking/ });
    await part.stop();
    assert.equal(existsSync(launch.pidPath), false);
  });

  it('takes the place of one that a dead supervisor left behind', async () => {
    const launch = await launchOf('orphan', listen);
    const orphan = await start(launch);
    const part = new SupervisedPart(launch, () => {});
    await part.start();
    assert.notEqual(part.state.pid, orphan.pid);
    assert.equal(identify(orphan.pid), undefined);
    await part.stop();
  });
});

describe('a supervisor', () => {
  it('starts phase by phase and stops the opposite way', async () => {
    rmSync(join(dir, 'order'), { force: true });
    const once = `require('fs').appendFileSync(process.env.ORDER, 'once ' + process.env.NAME + '\\n')`;
    const supervisor = new Supervisor([
      { launch: await launchOf('app', listen), phase: 2, mode: 'serve' },
      { launch: await launchOf('log', listen), phase: 0, mode: 'serve' },
      { launch: await launchOf('deploy', once), phase: 1, mode: 'once' },
    ]);
    await supervisor.start();
    await supervisor.stop();
    assert.equal(readFileSync(join(dir, 'order'), 'utf8'), 'start log\nonce deploy\nstart app\nstop app\nstop log\n');
    assert.deepEqual(
      supervisor.states().map(({ status }) => status),
      ['stopped', 'stopped', 'done'],
    );
  });

  it('starts nothing after a step that failed, and says why', async () => {
    rmSync(join(dir, 'order'), { force: true });
    const supervisor = new Supervisor([
      { launch: await launchOf('refused', `console.log('schema refused'); process.exit(1)`), phase: 0, mode: 'once' },
      { launch: await launchOf('later', listen), phase: 1, mode: 'serve' },
    ]);
    await assert.rejects(supervisor.start(), { code: 'DEPLOY_FAILED', message: /refused failed \(exit code 1\)(.|\n)*schema refused/ });
    await supervisor.stop();
    assert.equal(existsSync(join(dir, 'order')), false);
  });

  it('can be stopped in the middle of a start', async () => {
    const launch = await launchOf('slow', 'setInterval(() => {}, 1000)');
    const supervisor = new Supervisor([{ launch, phase: 0, mode: 'serve' }]);
    const starting = supervisor.start();
    await new Promise((resolve) => setTimeout(resolve, 300));
    await supervisor.stop();
    await starting;
    assert.equal(existsSync(launch.pidPath), false);
  });
});
