import assert from 'node:assert/strict';
import { once } from 'node:events';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { describe, it } from 'node:test';
import { execa } from 'execa';
import { repositoryRoot } from '../../infra/local/paths.ts';

const nobody = 'http://127.0.0.1:1';
// A fetch that never ends and leaves a rejection alone: a fault that no command foresees.
const broken = `data:text/javascript,globalThis.fetch = () => (Promise.reject(new Error('left alone')), new Promise(() => {}))`;

describe('the command line as a process', () => {
  for (const [code, what, args, nodeOptions] of [
    [0, 'done', ['--help'], []],
    [2, 'wrong use', ['nonsense'], []],
    [3, 'cannot reach something', ['status', '--api', nobody], []],
    [70, 'a fault of ours', ['status', '--api', nobody], ['--import', broken]],
  ] as const)
    it(`exits with ${code}: ${what}`, async () => {
      const argv = [...nodeOptions, 'apps/cli/src/main.ts', ...args];
      const { exitCode, stderr } = await execa(process.execPath, argv, { cwd: repositoryRoot, reject: false, timeout: 30_000 });
      assert.equal(exitCode, code);
      if (code === 70) assert.match(stderr, /left alone\n.+a fault of Waybill/);
    });

  it('exits with 130: interrupted', async () => {
    const server = createServer(() => {}); // Takes a question and never answers.
    await once(server.listen(0, '127.0.0.1'), 'listening');
    const { port } = server.address() as AddressInfo;
    const asked = once(server, 'request');
    const options = { cwd: repositoryRoot, reject: false, timeout: 60_000 } as const;
    const running = execa(process.execPath, ['apps/cli/src/main.ts', 'image', 'inspect', `127.0.0.1:${port}/app`], options);
    await asked;
    running.kill('SIGINT');
    const { exitCode, stderr } = await running;
    server.closeAllConnections();
    server.close();
    assert.equal(exitCode, 130);
    assert.match(stderr, /ended by SIGINT\nNothing was changed/);
  });
});
